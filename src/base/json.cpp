#include "base/json.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

#include "base/utf8.hpp"

namespace blotter::json {

// Out of line, because the member type is complete only after Value.
Object::Object() noexcept = default;
Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;
Object::Object(std::initializer_list<Member> members) : members_(members) {}

const Value* Object::find(std::string_view name) const {
    for (const auto& member : members_)
        if (member.name == name) return &member.value;
    return nullptr;
}

Value* Object::find(std::string_view name) {
    return const_cast<Value*>(std::as_const(*this).find(name));
}

// An object rarely has one member: the first one makes room for some more, in one allocation.
constexpr std::size_t members_first = 4;

Value& Object::set(std::string_view name, Value value) {
    if (Value* found = find(name)) return *found = std::move(value);
    if (members_.empty()) members_.reserve(members_first);
    return members_.emplace_back(std::string{name}, std::move(value)).value;
}

void Object::append(std::string name, Value value) {
    if (members_.empty()) members_.reserve(members_first);
    members_.emplace_back(std::move(name), std::move(value));
}

bool Object::erase(std::string_view name) {
    return std::erase_if(members_, [&](const Member& m) { return m.name == name; }) > 0;
}

bool Object::operator==(const Object& other) const {
    return members_ == other.members_;
}

std::optional<std::int64_t> Value::as_int64() const {
    const Number* number = as_number();
    if (number == nullptr) return std::nullopt;
    std::int64_t out = 0;
    const char* end = number->text.data() + number->text.size();
    const auto [stop, error] = std::from_chars(number->text.data(), end, out);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return out;
}

const Value* Value::find(std::string_view name) const {
    const Object* object = as_object();
    return object == nullptr ? nullptr : object->find(name);
}

const Value* Value::at_pointer(std::string_view pointer) const {
    const Value* at = this;
    while (at != nullptr && !pointer.empty()) {
        if (pointer[0] != '/') return nullptr;
        pointer.remove_prefix(1);
        const std::size_t end = std::min(pointer.find('/'), pointer.size());
        std::string token{pointer.substr(0, end)};
        pointer.remove_prefix(end);
        for (std::size_t i = 0; (i = token.find('~', i)) != std::string::npos; ++i)
            token.replace(i, 2, token.compare(i, 2, "~1") == 0 ? "/" : "~");
        if (const Array* array = at->as_array()) {
            std::size_t index = 0;
            const auto [stop, error] =
                std::from_chars(token.data(), token.data() + token.size(), index);
            const bool valid = error == std::errc{} && stop == token.data() + token.size();
            at = valid && index < array->size() ? &(*array)[index] : nullptr;
        } else {
            at = at->find(token);
        }
    }
    return at;
}

std::string_view Value::kind() const {
    constexpr std::string_view names[] = {"null", "boolean", "number", "string", "array", "object"};
    return names[data_.index()];
}

namespace bj = boost::json;

/// Builds our exact tree from Boost.JSON's events, each value where it stays: only the innermost
/// open container grows, so the places of the others do not move. Offsets are not offered by the
/// parser, so a refusal names the place as a JSON Pointer.
class Builder {
  public:
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);

    explicit Builder(const ParseLimits& limits) : limits_(limits) { open_.reserve(8); }

    bool on_document_begin(bj::error_code&) { return true; }
    bool on_document_end(bj::error_code&) { return true; }
    bool on_object_begin(bj::error_code& ec) { return open<Object>(ec); }
    bool on_array_begin(bj::error_code& ec) { return open<Array>(ec); }
    bool on_object_end(std::size_t, bj::error_code&) { return close(); }
    bool on_array_end(std::size_t, bj::error_code&) { return close(); }

    bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(bj::string_view part, std::size_t, bj::error_code& ec) {
        Object& object = *open_.back()->as_object();
        const std::string_view name = whole(part);
        const bool full = object.size() >= limits_.members_max;
        const bool known = !full && object.find(name) != nullptr;
        if (full || known) {
            refused_name_ = name;
            return refuse(
                ec, full ? fmt::format("an object has more than {} members", limits_.members_max)
                         : "a name occurs twice in one object");
        }
        if (object.members_.empty()) object.members_.reserve(members_first);
        object.members_.emplace_back(std::string{name}, Value{});
        text_.clear();
        return true;
    }
    bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(bj::string_view part, std::size_t, bj::error_code& ec) {
        return put<std::string>(ec, whole(part));
    }
    bool on_number_part(bj::string_view part, bj::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t, bj::string_view part, bj::error_code& ec) {
        return number(part, ec);
    }
    bool on_uint64(std::uint64_t, bj::string_view part, bj::error_code& ec) {
        return number(part, ec);
    }
    bool on_double(double value, bj::string_view part, bj::error_code& ec) {
        // Kept as text here, but whoever gets it passed on may know doubles only.
        if (!std::isfinite(value)) return refuse(ec, "a number is beyond 1.7e308");
        return number(part, ec);
    }
    bool on_bool(bool b, bj::error_code& ec) { return put<bool>(ec, b); }
    bool on_null(bj::error_code& ec) { return put<std::nullptr_t>(ec, nullptr); }
    bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
    bool on_comment(bj::string_view, bj::error_code&) { return true; }

    Value take() { return std::move(root_); }
    std::string reason() const { return reason_; }

    /// Where what was refused stands, or would have.
    std::string pointer() const {
        std::string out;
        for (const Value* container : open_) {
            out += '/';
            const bool innermost = container == open_.back();
            if (const Array* array = container->as_array()) {
                out += std::to_string(innermost ? array->size() : array->size() - 1);
                continue;
            }
            const Object& object = *container->as_object();
            std::string_view name;
            if (!object.empty()) name = std::prev(object.end())->name;
            if (innermost && refused_name_) name = *refused_name_;
            for (const char c : name) {
                if (c == '~')
                    out += "~0";
                else if (c == '/')
                    out += "~1";
                else
                    out += c;
            }
        }
        return out;
    }

  private:
    /// What came in parts before, and the last one. Nearly always there is only that. Whoever reads
    /// it empties `text_`.
    std::string_view whole(bj::string_view last) {
        if (text_.empty()) return {last.data(), last.size()};
        text_.append(last.data(), last.size());
        return text_;
    }
    bool refuse(bj::error_code& ec, std::string reason) {
        reason_ = std::move(reason);
        ec = bj::make_error_code(bj::error::exception);
        return false;
    }
    bool number(bj::string_view part, bj::error_code& ec) {
        const std::string_view text = whole(part);
        if (text.size() > 64) return refuse(ec, "a number has more than 64 characters");
        return put<Number>(ec, std::string{text});
    }
    template <typename Container>
    bool open(bj::error_code& ec) {
        if (open_.size() >= limits_.depth_max)
            return refuse(ec, fmt::format("nested deeper than {} levels", limits_.depth_max));
        Value* value = place(ec);
        if (value == nullptr) return false;
        value->data_.emplace<Container>();
        open_.push_back(value);
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }
    template <typename T, typename From>
    bool put(bj::error_code& ec, From&& from) {
        Value* value = place(ec);
        if (value == nullptr) return false;
        value->data_.emplace<T>(std::forward<From>(from));
        text_.clear();
        return true;
    }
    /// The null where the next value goes; null when there are too many.
    Value* place(bj::error_code& ec) {
        if (++values_ > limits_.values_max) {
            refuse(ec, fmt::format("more than {} values", limits_.values_max));
            return nullptr;
        }
        if (open_.empty()) return &root_;
        if (Object* object = open_.back()->as_object()) return &object->members_.back().value;
        Array& array = *open_.back()->as_array();
        if (array.empty()) array.reserve(members_first);
        return &array.emplace_back();
    }

    const ParseLimits& limits_;
    std::vector<Value*> open_;  ///< from the root inwards
    Value root_;
    std::string text_;
    std::optional<std::string> refused_name_;
    std::string reason_;
    std::size_t values_ = 0;
};

Result<Value> parse(std::string_view text, const ParseLimits& limits) {
    if (text.size() > limits.bytes_max)
        return fail(Errc::too_large,
                    fmt::format("the JSON text has {} bytes, at most {} are accepted", text.size(),
                                limits.bytes_max));
    if (const auto bad = find_invalid_utf8(text))
        return fail(Errc::malformed, fmt::format("not valid UTF-8 at byte {}", *bad));
    bj::parse_options options;
    options.max_depth = 1'000;  // our own limit, with its own message, comes first
    bj::basic_parser<Builder> parser{options, limits};
    boost::json::error_code ec;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
    const Builder& builder = parser.handler();
    if (!builder.reason().empty())
        return fail(Errc::malformed, builder.reason(), builder.pointer());
    if (ec)
        return fail(Errc::malformed, fmt::format("not JSON at byte {}: {}", used, ec.message()));
    if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
        return fail(Errc::malformed,
                    fmt::format("something follows the JSON document at byte {}", used));
    return parser.handler().take();
}

namespace {

constexpr std::uint64_t every_byte = 0x0101010101010101;

/// A word with the high bit set in the lowest byte that is zero, and perhaps in some above it; 0 if
/// none is.
constexpr std::uint64_t zero_bytes(std::uint64_t word) {
    return (word - every_byte) & ~word & (every_byte << 7);
}

bool needs_escape(char c) {
    return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

/// Of the eight bytes at `from`: 0 if all of them can stand for themselves, else a word whose
/// lowest bit that is set is in the first one that cannot.
std::uint64_t escapes_in(const char* from) {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t word = 0;
    std::memcpy(&word, from, 8);
    const std::uint64_t below_space = (word - every_byte * 0x20) & ~word & (every_byte << 7);
    return below_space | zero_bytes(word ^ every_byte * '"') | zero_bytes(word ^ every_byte * '\\');
}

/// Where the first character at or after `at` is that cannot stand for itself; the size if none is.
/// Eight at a time: nearly all text is plain, and writing JSON is mostly this.
std::size_t find_escape(std::string_view text, std::size_t at) {
    for (; at + 8 <= text.size(); at += 8)
        if (const std::uint64_t found = escapes_in(text.data() + at); found != 0)
            return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    // The rest is looked at with what is before it, where there is enough.
    if (at >= 8 && escapes_in(text.data() + text.size() - 8) == 0) return text.size();
    while (at < text.size() && !needs_escape(text[at])) ++at;
    return at;
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
    const std::size_t first = find_escape(text, 0);
    if (first == text.size()) {
        // The usual text, in one step. The size that the library gives may be a larger one.
        const std::size_t before = out.size();
        const std::size_t after = before + text.size() + 2;
        out.resize_and_overwrite(after, [&](char* all, std::size_t) {
            all[before] = '"';
            text.copy(all + before + 1, text.size());
            all[after - 1] = '"';
            return after;
        });
        return;
    }
    out += '"';
    std::size_t start = 0;
    for (std::size_t i = first; i < text.size(); i = find_escape(text, start)) {
        const char c = text[i];
        out.append(text, start, i - start);
        start = i + 1;
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        }
    }
    out.append(text, start, text.size() - start);
    out += '"';
}

namespace {

struct Writer {
    std::string& out;
    int indent;  ///< -1: compact

    void line(int depth) {
        if (indent < 0) return;
        out += '\n';
        out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(depth), ' ');
    }
    void write(const Value& value, int depth) {
        if (value.is_null())
            out += "null";
        else if (const bool* b = value.as_bool())
            out += *b ? "true" : "false";
        else if (const Number* n = value.as_number())
            out += n->text;
        else if (const std::string* s = value.as_string())
            append_quoted(out, *s);
        else if (const Array* a = value.as_array())
            write_array(*a, depth);
        else
            write_object(*value.as_object(), depth);
    }
    void write_array(const Array& array, int depth) {
        out += '[';
        bool first = true;
        for (const Value& item : array) {
            if (!std::exchange(first, false)) out += ',';
            line(depth + 1);
            write(item, depth + 1);
        }
        if (!array.empty()) line(depth);
        out += ']';
    }
    void write_object(const Object& object, int depth) {
        out += '{';
        bool first = true;
        for (const auto& [name, item] : object) {
            if (!std::exchange(first, false)) out += ',';
            line(depth + 1);
            append_quoted(out, name);
            out += indent < 0 ? ":" : ": ";
            write(item, depth + 1);
        }
        if (!object.empty()) line(depth);
        out += '}';
    }
};

}  // namespace

void append_text(std::string& out, const Value& value) {
    Writer{out, -1}.write(value, 0);
}

std::string to_text(const Value& value) {
    std::string out;
    append_text(out, value);
    return out;
}

std::string to_pretty_text(const Value& value) {
    std::string out;
    Writer{out, 2}.write(value, 0);
    return out;
}

}  // namespace blotter::json
