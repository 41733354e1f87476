#include "ledger/leaf.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/invariant.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

struct KindRow {
    std::string_view text;
    std::string_view members;
};

constexpr std::array kind_rows = {
#define X(name, text, members) KindRow{text, members},
#include "ledger/leaf_kinds.def"
#undef X
};

constexpr std::array<std::string_view, 5> common_members = {"at", "k", "n", "t", "v"};
constexpr std::size_t tenant_bytes_max = 64;

std::unexpected<Error> refuse(std::string detail) {
    return fail(Errc::invalid_argument, "a log entry " + std::move(detail));
}

std::unexpected<Error> malformed(std::string detail) {
    return fail(Errc::malformed, "not a log entry: " + std::move(detail));
}

bool is_member_name(std::string_view name) {
    if (name.empty() || name.size() > 32 || name[0] < 'a' || name[0] > 'z') return false;
    return std::ranges::all_of(
        name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool is_common(std::string_view name) {
    return std::ranges::find(common_members, name) != common_members.end();
}

Result<> check_text(std::string_view name, std::string_view text) {
    if (const auto bad = find_invalid_utf8(text))
        return refuse(fmt::format("cannot hold {}: byte {} is not valid UTF-8", name, *bad));
    return {};
}

Result<> check_value(std::string_view name, const LeafValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
        if (*number > leaf_integer_max || *number < -leaf_integer_max)
            return refuse(
                fmt::format("cannot hold {} = {}: integers end at 2^53 - 1", name, *number));
        return {};
    }
    const std::string& text = std::get<std::string>(value);
    CHECK(check_text(name, text));
    if (name == "c" &&
        (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos))
        return refuse("needs 64 lower-case hexadecimal digits in c");
    return {};
}

Result<> check_head(std::uint64_t number, Timestamp at, std::string_view tenant) {
    if (tenant.empty() || tenant.size() > tenant_bytes_max)
        return refuse(fmt::format("needs a tenant of 1 to {} bytes", tenant_bytes_max));
    CHECK(check_text("t", tenant));
    if (number > static_cast<std::uint64_t>(leaf_integer_max))
        return refuse("cannot be numbered past 2^53 - 1");
    if (at < Timestamp{} || at >= from_ms(253'402'300'800'000))
        return refuse("needs a time between the years 1970 and 9999");
    return {};
}

Result<> check_leaf(const Leaf& leaf) {
    CHECK(check_head(leaf.number, leaf.at, leaf.tenant));
    if (leaf.members.size() > leaf_members_max)
        return refuse(fmt::format("has at most {} members of its kind", leaf_members_max));
    for (const auto& [name, value] : leaf.members) {
        if (!is_member_name(name) || is_common(name))
            return refuse(fmt::format("cannot have a member named '{}'", cut_utf8(name, 40)));
        CHECK(check_value(name, value));
    }
    std::string_view required = kind_rows[static_cast<std::size_t>(leaf.kind)].members;
    while (!required.empty()) {
        const std::string_view name = required.substr(0, required.find(' '));
        required.remove_prefix(std::min(required.size(), name.size() + 1));
        if (!leaf.members.contains(name))
            return refuse(fmt::format("of kind {} needs the member {}", to_text(leaf.kind), name));
    }
    return {};
}

/// Writes the members in the order of their names, which is the order of RFC 8785 for ASCII.
class EntryWriter {
  public:
    EntryWriter() { out_.reserve(256); }

    void add(std::string_view name, const LeafValue& value) {
        begin(name);
        if (const auto* number = std::get_if<std::int64_t>(&value))
            out_ += std::to_string(*number);
        else
            json::append_quoted(out_, std::get<std::string>(value));
    }
    void add_text(std::string_view name, std::string_view text) {
        begin(name);
        json::append_quoted(out_, text);
    }
    void add_number(std::string_view name, std::uint64_t number) {
        begin(name);
        out_ += std::to_string(number);
    }
    std::string finish() { return std::move(out_ += '}'); }

  private:
    void begin(std::string_view name) {
        out_ += out_.empty() ? "{\"" : ",\"";
        out_ += name;
        out_ += "\":";
    }
    std::string out_;
};

std::string write_entry(const Leaf& leaf) {
    EntryWriter writer;
    auto member = leaf.members.begin();
    const auto write_members_before = [&](std::string_view name) {
        for (; member != leaf.members.end() && member->first < name; ++member)
            writer.add(member->first, member->second);
    };
    for (const std::string_view name : common_members) {
        write_members_before(name);
        if (name == "at")
            writer.add_text(name, to_rfc3339(leaf.at));
        else if (name == "k")
            writer.add_text(name, to_text(leaf.kind));
        else if (name == "n")
            writer.add_number(name, leaf.number);
        else if (name == "t")
            writer.add_text(name, leaf.tenant);
        else
            writer.add_number(name, static_cast<std::uint64_t>(leaf_version));
    }
    write_members_before("\x7f");
    return writer.finish();
}

/// Walks over the canonical text. It accepts a little more than that (any order of members, any
/// spelling of an escape below U+0100): the comparison with what we would write is the judge. Made
/// for speed: a check of a whole log spends most of its time here.
class EntryReader {
  public:
    explicit EntryReader(std::string_view text) : text_(text) {}

    std::size_t offset() const { return at_; }
    bool at_end() const { return at_ == text_.size(); }
    bool take(char c) {
        if (at_end() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    std::optional<std::string> take_string() {
        if (!take('"')) return std::nullopt;
        std::string out;
        while (true) {
            const std::size_t end = text_.find_first_of("\"\\", at_);
            if (end == std::string_view::npos) return std::nullopt;
            out += text_.substr(at_, end - at_);
            at_ = end + 1;
            if (text_[end] == '"') return out;
            if (!take_escape(out)) return std::nullopt;
        }
    }
    std::optional<LeafValue> take_value() {
        if (!at_end() && text_[at_] == '"') {
            auto text = take_string();
            if (!text) return std::nullopt;
            return std::move(*text);
        }
        std::int64_t number = 0;
        const char* begin = text_.data() + at_;
        const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), number);
        if (error != std::errc{}) return std::nullopt;
        at_ += static_cast<std::size_t>(stop - begin);
        return number;
    }

  private:
    bool take_escape(std::string& out) {
        constexpr std::string_view letters = "\"\\bfnrt";
        constexpr std::string_view meanings = "\"\\\b\f\n\r\t";
        if (at_end()) return false;
        const char letter = text_[at_++];
        if (const auto place = letters.find(letter); place != std::string_view::npos) {
            out += meanings[place];
            return true;
        }
        // What is left are the control characters: \u0000 to \u001f.
        const std::string_view digits =
            text_.substr(at_, std::min<std::size_t>(4, text_.size() - at_));
        const auto code = from_hex(digits);
        if (letter != 'u' || !code || code->size() != 2 || code->front() != 0) return false;
        out += static_cast<char>(code->back());
        at_ += 4;
        return true;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// Puts one member of a parsed object where it belongs.
Result<> take_member(Leaf& leaf, std::string_view name, LeafValue value) {
    const auto* number = std::get_if<std::int64_t>(&value);
    auto* text = std::get_if<std::string>(&value);
    const auto wrong = [&] { return malformed(fmt::format("the value of {} is unusable", name)); };
    if (name == "v") {
        if (number == nullptr || *number != leaf_version)
            return malformed("its version is not the one understood here (1)");
    } else if (name == "n") {
        if (number == nullptr || *number < 0) return wrong();
        leaf.number = static_cast<std::uint64_t>(*number);
    } else if (name == "t") {
        if (text == nullptr) return wrong();
        leaf.tenant = std::move(*text);
    } else if (name == "at") {
        if (text == nullptr) return wrong();
        const auto at = parse_rfc3339(*text);
        if (!at) return wrong();
        leaf.at = *at;
    } else if (name == "k") {
        const auto kind = text == nullptr ? std::nullopt : parse_leaf_kind(*text);
        if (!kind) return malformed("its kind is not known");
        leaf.kind = *kind;
    } else {
        leaf.members.emplace(name, std::move(value));
    }
    return {};
}

std::string kept_text(const Leaf& leaf, std::string_view name) {
    const auto member = leaf.members.find(name);
    if (member == leaf.members.end()) return {};
    const auto* text = std::get_if<std::string>(&member->second);
    return text == nullptr ? std::string{} : *text;
}

void name_checkpoint(Leaf& leaf, const Checkpoint& checkpoint) {
    INVARIANT(checkpoint.head.size <= static_cast<std::uint64_t>(leaf_integer_max));
    leaf.members.emplace("origin", checkpoint.origin);
    leaf.members.emplace("size", static_cast<std::int64_t>(checkpoint.head.size));
    leaf.members.emplace("root", to_hex(checkpoint.head.root));
}

}  // namespace

std::string_view to_text(LeafKind kind) {
    return kind_rows[static_cast<std::size_t>(kind)].text;
}

std::optional<LeafKind> parse_leaf_kind(std::string_view text) {
    const auto row = std::ranges::find(kind_rows, text, &KindRow::text);
    if (row == kind_rows.end()) return std::nullopt;
    return static_cast<LeafKind>(row - kind_rows.begin());
}

Result<Bytes> to_entry(const Leaf& leaf) {
    CHECK(check_leaf(leaf));
    const std::string text = write_entry(leaf);
    if (text.size() > entry_bytes_max)
        return fail(Errc::too_large,
                    fmt::format("a log entry has {} bytes, at most {} are possible", text.size(),
                                entry_bytes_max));
    const ByteView bytes = as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
}

Result<Leaf> parse_entry(ByteView entry) {
    if (entry.size() > entry_bytes_max) return malformed("it has more than 65,535 bytes");
    Leaf leaf;
    EntryReader reader{as_text(entry)};
    const auto stopped = [&] {
        return malformed(
            fmt::format("byte {} is not that of one canonical JSON object of "
                        "integers and strings",
                        reader.offset()));
    };
    if (!reader.take('{')) return stopped();
    do {
        const auto name = reader.take_string();
        if (!name || !reader.take(':')) return stopped();
        auto value = reader.take_value();
        if (!value) return stopped();
        CHECK(take_member(leaf, *name, std::move(*value)));
    } while (reader.take(','));
    if (!reader.take('}') || !reader.at_end()) return stopped();
    if (const auto checked = check_leaf(leaf); !checked) return malformed(checked.error().detail);
    // Missing members, doubles, another order, other escapes and spaces all end here.
    if (write_entry(leaf) != as_text(entry))
        return malformed("it is not in canonical form (RFC 8785) or lacks at, k, n, t or v");
    return leaf;
}

Digest payload_commitment(std::span<const std::uint8_t, 32> salt, ByteView payload) {
    Digest out;
    unsigned size = 0;
    const auto* done = HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
                            payload.data(), payload.size(), out.data(), &size);
    INVARIANT(done != nullptr && size == out.size());
    return out;
}

Leaf event_leaf(std::uint64_t number, Timestamp at, std::string tenant,
                const AcceptedEvent& event) {
    Leaf leaf{LeafKind::event_accepted, at, number, std::move(tenant)};
    leaf.members.emplace("c", to_hex(event.commitment));
    leaf.members.emplace("eid", event.event.text());
    return leaf;
}

Result<std::string> event_entry(std::uint64_t number, Timestamp at, std::string_view tenant,
                                const AcceptedEvent& event) {
    CHECK(check_head(number, at, tenant));
    EntryWriter writer;
    writer.add_text("at", rfc3339_of(at));
    writer.add_text("c", to_hex(event.commitment));
    writer.add_text("eid", event.event.short_text());
    writer.add_text("k", to_text(LeafKind::event_accepted));
    writer.add_number("n", number);
    writer.add_text("t", tenant);
    writer.add_number("v", static_cast<std::uint64_t>(leaf_version));
    return writer.finish();
}

Leaf checkpoint_leaf(std::uint64_t number, Timestamp at, std::string tenant,
                     const Checkpoint& checkpoint) {
    Leaf leaf{LeafKind::checkpoint, at, number, std::move(tenant)};
    name_checkpoint(leaf, checkpoint);
    return leaf;
}

Leaf log_forked_leaf(Timestamp at, std::string tenant, const Checkpoint& abandoned,
                     std::string reason) {
    Leaf leaf{LeafKind::log_forked, at, 0, std::move(tenant)};
    name_checkpoint(leaf, abandoned);
    leaf.members.emplace("reason", std::move(reason));
    return leaf;
}

Result<Checkpoint> checkpoint_in(const Leaf& leaf) {
    Checkpoint out;
    out.origin = kept_text(leaf, "origin");
    const auto root = from_hex(kept_text(leaf, "root"));
    const auto size = leaf.members.find("size");
    const auto* number =
        size == leaf.members.end() ? nullptr : std::get_if<std::int64_t>(&size->second);
    if (out.origin.empty() || !root || root->size() != sizeof(Digest) || number == nullptr ||
        *number < 0)
        return malformed("it does not name a checkpoint by origin, size and root");
    out.head.size = static_cast<std::uint64_t>(*number);
    std::ranges::copy(*root, out.head.root.begin());
    return out;
}

}  // namespace blotter::ledger
