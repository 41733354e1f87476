#include "store/tables/attempt_forms.hpp"

#include "base/json.hpp"
#include "store/tables/detail.hpp"
#include "store/tables/packed.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query form_find{
    "attempt_form.find", "SELECT no FROM attempt_form WHERE destination_no = ?1 AND hash = ?2"};
constexpr sql::Query form_use{
    "attempt_form.use", "UPDATE attempt_form SET used_ms = ?2 WHERE no = ?1 AND used_ms < ?2"};
constexpr sql::Query form_insert{
    "attempt_form.insert",
    "INSERT INTO attempt_form (destination_no, hash, used_ms, request, facts) "
    "VALUES (?1, ?2, ?3, ?4, ?5)"};
constexpr sql::Query form_load{"attempt_form.load",
                               "SELECT request, facts FROM attempt_form WHERE no = ?1"};
constexpr sql::Query form_purge{"attempt_form.purge",
                                "DELETE FROM attempt_form WHERE no IN (SELECT no FROM attempt_form "
                                "WHERE used_ms < ?1 ORDER BY used_ms LIMIT ?2)"};

/// The first byte of what is packed. JSON begins with a brace.
constexpr std::uint8_t packed = 1;

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

Result<json::Object> unpack(sql::Connection& db, ByteView bytes, const RequestForm::Place& place) {
    const auto no = take_packed(bytes);
    const auto size = take_packed(bytes);
    if (!no || !size || *size > bytes.size()) return fail(Errc::corrupt, "a stored attempt is cut");
    const ByteView own = bytes.first(*size);
    bytes = bytes.subspan(*size);
    const auto read = [](const sql::Statement& s) {
        return Kept{sql::string_at(s, 0), sql::string_at(s, 1)};
    };
    TRY(const auto form, sql::one(db, form_load, read, static_cast<std::int64_t>(*no)));
    json::Object out;
    if (form) {
        TRY(out, read_object(form->facts));
        TRY(std::string request, RequestForm::join(form->request, place, own));
        if (!request.empty()) out.append("request_headers", std::move(request));
    }
    if (bytes.empty()) return out;
    TRY(json::Object rest, read_object(as_text(bytes)));
    for (auto& [name, value] : rest) out.append(std::move(name), std::move(value));
    return out;
}

}  // namespace

Result<std::int64_t> keep_attempt_form(sql::Connection& db, const AttemptForm& form,
                                       Timestamp now) {
    const std::string request = form.request ? form.request->text() : std::string{};
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

Result<Bytes> unpack_attempt(sql::Connection& db, ByteView detail,
                             const RequestForm::Place& place) {
    if (detail.empty() || detail.front() != packed) return Bytes(detail.begin(), detail.end());
    auto object = unpack(db, detail.subspan(1), place);
    if (!object && object.error().code != Errc::corrupt && object.error().code != Errc::malformed)
        return pass(std::move(object).error());
    const std::string text =
        object ? json::to_text(*std::move(object))
               : json::to_text(json::Object{
                     {"error",
                      "what was kept of this attempt is damaged: a backup may have it whole"}});
    return Bytes(text.begin(), text.end());
}

Result<std::int64_t> purge_attempt_forms(sql::Connection& db, Timestamp before, std::size_t limit) {
    return detail::purge(db, form_purge, before, limit);
}

}  // namespace blotter::store
