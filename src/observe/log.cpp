#include "observe/log.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <iterator>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace blotter::observe {

std::string_view to_text(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "error";
}

namespace {

// On the stack for every usual line: logging does not allocate.
using Buffer = fmt::basic_memory_buffer<char, 1'024>;

struct Decoded {
    char32_t point = 0;
    std::size_t size = 0;  ///< 0: not UTF-8
};

// The first character of `text` in valid UTF-8 (RFC 3629); `text` is not empty.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
    if (find_invalid_utf8(text.substr(0, size))) return {};
    char32_t point = lead & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) point = point << 6 | (byte(i) & 0x3fU);
    return {point, size};
}

// Characters that end a line, steer a terminal or reorder what a reader sees (Unicode 15:
// controls, line and paragraph separator, bidirectional controls, byte order mark).
bool is_hostile(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void append(Buffer& out, std::string_view text) {
    out.append(text.data(), text.data() + text.size());
}

void append_number(Buffer& out, std::integral auto number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    append(out, {digits.data(), end});
}

// Printable ASCII that needs no escape: nearly all there is.
constexpr auto plain_characters = [] {
    std::array<bool, 256> out{};
    for (char c = ' '; c < 0x7f; ++c) out[static_cast<unsigned char>(c)] = c != '"' && c != '\\';
    return out;
}();

std::size_t plain_prefix(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && plain_characters[static_cast<unsigned char>(text[at])]) ++at;
    return at;
}

void append_character(Buffer& out, std::string_view rest, const Decoded& c) {
    if (c.size == 0) return append(out, "\xef\xbf\xbd");  // U+FFFD for a byte that is not UTF-8
    if (c.point == '\n') return append(out, "\\n");
    if (c.point == '\t') return append(out, "\\t");
    if (c.point == '"') return append(out, "\\\"");
    if (c.point == '\\') return append(out, "\\\\");
    if (is_hostile(c.point)) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c.point));
        return;
    }
    append(out, rest.substr(0, c.size));
}

// A JSON string (RFC 8259 section 7) that is printable and on one line, whatever `text` holds.
void append_quoted(Buffer& out, std::string_view text) {
    const std::string_view shown = cut_utf8(text, log_text_bytes_max);
    out.push_back('"');
    for (std::size_t at = 0; at < shown.size();) {
        const std::size_t plain = plain_prefix(shown.substr(at));
        append(out, shown.substr(at, plain));
        at += plain;
        if (at == shown.size()) break;
        const Decoded c = decode(shown.substr(at));
        append_character(out, shown.substr(at), c);
        at += std::max<std::size_t>(c.size, 1);
    }
    if (shown.size() < text.size()) append(out, "…");
    out.push_back('"');
}

// In the text format a plain word needs no quotes.
bool is_plain_word(std::string_view text) {
    return !text.empty() && text.size() <= 256 && std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
    });
}

}  // namespace

/// Builds one line. A friend of Field, so that fields have no public getters.
class LineWriter {
  public:
    explicit LineWriter(Format format) : format_(format) {}

    void head(Level level, Timestamp at, What what) {
        const TimeText time = rfc3339_of(at);
        if (format_ == Format::json)
            put({R"({"at":")", time, R"(","level":")", to_text(level), R"(","what":")", what.name(),
                 "\""});
        else
            fmt::format_to(std::back_inserter(out_), "{} {:<7} {}", time, to_text(level),
                           what.name());
    }

    void field(const Field& field) {
        const std::size_t start = out_.size();
        if (format_ == Format::json)
            put({",\"", field.key_.name(), "\":"});
        else
            put({" ", field.key_.name(), "="});
        value(field);
        // Room for the tail is kept, so that a line is always whole.
        if (out_.size() + 64 <= log_line_bytes_max) return;
        out_.resize(start);
        ++left_out_;
    }

    std::string_view finish() {
        if (left_out_ > 0) {
            append(out_, format_ == Format::json ? ",\"fields_left_out\":" : " fields_left_out=");
            append_number(out_, left_out_);
        }
        append(out_, format_ == Format::json ? "}\n" : "\n");
        return {out_.data(), out_.size()};
    }

  private:
    using Form = Field::Form;

    void put(std::initializer_list<std::string_view> parts) {
        for (const std::string_view part : parts) append(out_, part);
    }

    void value(const Field& field) {
        switch (field.form_) {
            case Form::text:
                return text(field.text_);
            case Form::whole_number:
                return append_number(out_, field.number_);
            case Form::natural:
                return append_number(out_, static_cast<std::uint64_t>(field.number_));
            case Form::toggle:
                return append(out_, field.number_ != 0 ? "true" : "false");
            case Form::duration:
                return duration(field.number_);
            case Form::time:
                return text(to_rfc3339(from_ms(field.number_)));
            case Form::id:
                return id(field);
            case Form::error:
                return text(describe(*field.error_));
        }
    }

    void text(std::string_view value) {
        if (format_ == Format::text && is_plain_word(value))
            append(out_, value);
        else
            append_quoted(out_, value);
    }

    void id(const Field& field) {
        const Base32 digits = base32_of(*field.id_);
        const std::string_view mark = format_ == Format::json ? "\"" : "";
        put({mark, field.text_, "_", {digits.data(), digits.size()}, mark});
    }

    // Milliseconds with three decimals, by integers: exact and the same on every machine.
    void duration(std::int64_t nanoseconds) {
        const bool negative = nanoseconds < 0;
        const std::uint64_t size = negative ? -static_cast<std::uint64_t>(nanoseconds)
                                            : static_cast<std::uint64_t>(nanoseconds);
        if (negative) out_.push_back('-');
        append_number(out_, size / 1'000'000);
        const std::uint64_t thousandths = size / 1'000 % 1'000;
        append(out_, thousandths < 10 ? ".00" : thousandths < 100 ? ".0" : ".");
        append_number(out_, thousandths);
    }

    Format format_;
    std::size_t left_out_ = 0;
    Buffer out_;
};

std::string render_line(Format format, Level level, Timestamp at, What what, Fields fields) {
    LineWriter line{format};
    line.head(level, at, what);
    for (const Field& field : fields) line.field(field);
    return std::string{line.finish()};
}

void Logger::emit(Level level, What what, Fields fields) {
    LineWriter line{format_};
    line.head(level, now_(), what);
    for (const Field& field : fields) line.field(field);
    sink_.write(line.finish());
}

}  // namespace blotter::observe
