#include "store/tables/attempt_forms.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/json.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/packed.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query form_find{
    "attempt_form.find", "SELECT no FROM attempt_form WHERE destination_no = ?1 AND hash = ?2"};
constexpr sql::Query form_use{"attempt_form.use",
                              "UPDATE attempt_form SET used_ms = ?2 WHERE no = ?1"};
constexpr sql::Query form_insert{
    "attempt_form.insert",
    "INSERT INTO attempt_form (destination_no, hash, used_ms, request, facts) "
    "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr sql::Query form_load{"attempt_form.load",
                               "SELECT request, facts FROM attempt_form WHERE no = ?1"};
constexpr sql::Query form_purge{"attempt_form.purge",
                                "DELETE FROM attempt_form WHERE used_ms < ?1"};

// Stored in forms; never change.
constexpr char event_mark = '\x01';
constexpr char second_mark = '\x02';
constexpr char base64_of_32 = '\x03';
constexpr char base64_of_64 = '\x04';
constexpr char hex_of_32 = '\x05';

/// The first byte of what is packed. JSON begins with a brace.
constexpr std::uint8_t packed = 1;

bool is_mark(char c) {
    return c >= event_mark && c <= hex_of_32;
}

/// Letters and digits of all that is looked for. The "_" of an id is none of base64's.
constexpr auto word_table = [] {
    std::array<bool, 256> out{};
    for (const char c :
         std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_"})
        out[static_cast<std::uint8_t>(c)] = true;
    return out;
}();

class Seconds {
  public:
    explicit Seconds(Timestamp at) {
        const auto second = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
        size_ = static_cast<std::size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), second).ptr -
            digits_.data());
    }
    std::string_view text() const { return {digits_.data(), size_}; }

  private:
    std::array<char, 20> digits_{};
    std::size_t size_ = 0;
};

/// The mark and the bytes of a word that may be a signature.
struct Value {
    char mark = 0;
    Bytes bytes;
    std::size_t length = 0;  ///< in the text, with its padding
};
std::optional<Value> value_at(std::string_view text, std::size_t word) {
    const auto base64 = [&](char mark, std::size_t length) -> std::optional<Value> {
        auto bytes = from_base64(text.substr(0, length));
        if (!bytes) return std::nullopt;
        return Value{mark, *std::move(bytes), length};
    };
    if (word == 43 && text.substr(word).starts_with('=')) return base64(base64_of_32, 44);
    if (word == 86 && text.substr(word).starts_with("==")) return base64(base64_of_64, 88);
    if (word != 64) return std::nullopt;
    const std::string_view digits = text.substr(0, word);
    auto bytes = from_hex(digits);
    const bool lower = std::ranges::none_of(digits, [](char c) { return c >= 'A' && c <= 'F'; });
    if (!bytes || !lower) return std::nullopt;
    return Value{hex_of_32, *std::move(bytes), word};
}

/// Bytes off the front of `own`.
Result<ByteView> take(ByteView& own, std::size_t count) {
    if (own.size() < count) return fail(Errc::corrupt, "the stored bytes of an attempt are cut");
    const ByteView out = own.first(count);
    own = own.subspan(count);
    return out;
}

json::Value facts_of(const AttemptForm& form) {
    json::Object out;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) out.append(name, value);
    };
    add("address", form.address);
    add("tls_version", form.tls_version);
    add("tls_cipher", form.tls_cipher);
    add("peer_certificate_sha256", form.peer_certificate_sha256);
    return out;
}

struct Kept {
    std::string request;
    std::string facts;
};

Result<json::Object> read_object(std::string_view text) {
    TRY(json::Value value, json::parse(text));
    if (value.as_object() == nullptr) return fail(Errc::corrupt, "not a JSON object");
    return std::move(*value.as_object());
}

Result<json::Object> unpack(sql::Connection& db, ByteView bytes, const AttemptPlace& place) {
    const auto no = take_packed(bytes);
    const auto size = take_packed(bytes);
    if (!no || !size) return fail(Errc::corrupt, "a stored attempt is cut");
    TRY(ByteView own, take(bytes, *size));
    const auto read = [](const sql::Statement& s) {
        return Kept{sql::string_at(s, 0), sql::string_at(s, 1)};
    };
    TRY(const auto form, sql::one(db, form_load, read, static_cast<std::int64_t>(*no)));
    json::Object out;
    if (form) {
        TRY(out, read_object(form->facts));
        TRY(std::string request, join_lines(form->request, place, own));
        out.append("request_headers", std::move(request));
    }
    if (bytes.empty()) return out;
    TRY(json::Object rest, read_object(as_text(bytes)));
    for (auto& [name, value] : rest) out.append(std::move(name), std::move(value));
    return out;
}

}  // namespace

bool split_lines(std::string_view lines, const AttemptPlace& place, std::string& form,
                 std::string& own) {
    if (std::ranges::any_of(lines, is_mark)) return false;
    const auto id = place.event.short_text();
    const Seconds second{place.started_at};
    for (std::size_t at = 0; at < lines.size();) {
        const std::string_view rest = lines.substr(at);
        std::size_t word = 0;
        while (word < rest.size() && word_table[static_cast<std::uint8_t>(rest[word])]) ++word;
        const std::string_view text = rest.substr(0, word);
        std::size_t taken = std::max<std::size_t>(word, 1);
        if (text == id.view()) {
            form += event_mark;
        } else if (text == second.text()) {
            form += second_mark;
        } else if (const auto value = value_at(rest, word)) {
            form += value->mark;
            own.append(as_text(value->bytes));
            taken = value->length;
        } else {
            form += rest.substr(0, taken);
        }
        at += taken;
    }
    return true;
}

Result<std::string> join_lines(std::string_view form, const AttemptPlace& place, ByteView& own) {
    std::string out;
    out.reserve(form.size() + 128);
    for (const char c : form) {
        switch (c) {
            case event_mark:
                out += place.event.short_text().view();
                break;
            case second_mark:
                out += Seconds{place.started_at}.text();
                break;
            case base64_of_32:
            case base64_of_64: {
                TRY(const ByteView bytes, take(own, c == base64_of_32 ? 32 : 64));
                out += to_base64(bytes);
                break;
            }
            case hex_of_32: {
                TRY(const ByteView bytes, take(own, 32));
                out += to_hex(bytes);
                break;
            }
            default:
                out += c;
        }
    }
    return out;
}

Result<std::int64_t> keep_attempt_form(sql::Connection& db, const AttemptForm& form,
                                       Timestamp now) {
    const std::string request = (form.head ? *form.head : std::string{}) + form.lines;
    const std::string facts = json::to_text(facts_of(form));
    const Digest hash = sha256(request + '\n' + facts);
    const auto read = [](const sql::Statement& s) { return s.integer(0); };
    TRY(const auto known, sql::one(db, form_find, read, form.destination_no, hash));
    if (!known)
        return detail::insert(db, form_insert, form.destination_no, hash, now, request, facts);
    CHECK(sql::run(db, form_use, *known, now));
    return *known;
}

void pack_attempt(std::int64_t form_no, std::string_view own, std::string_view rest,
                  std::string& out) {
    out.clear();
    out += static_cast<char>(packed);
    pack_number(form_no, out);
    pack_number(static_cast<std::int64_t>(own.size()), out);
    out.append(own).append(rest);
}

Result<Bytes> unpack_attempt(sql::Connection& db, ByteView detail, const AttemptPlace& place) {
    if (detail.empty() || detail.front() != packed) return Bytes(detail.begin(), detail.end());
    auto object = unpack(db, detail.subspan(1), place);
    if (!object && object.error().code != Errc::corrupt && object.error().code != Errc::malformed)
        return pass(std::move(object).error());
    const std::string text =
        object ? json::to_text(*std::move(object))
               : json::to_text(json::Object{{"error", "what was kept of this attempt is damaged"}});
    return Bytes(text.begin(), text.end());
}

Result<std::int64_t> purge_attempt_forms(sql::Connection& db, Timestamp before) {
    return detail::purge(db, form_purge, before);
}

}  // namespace blotter::store
