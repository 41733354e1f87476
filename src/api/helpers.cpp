#include "api/helpers.hpp"

#include <charconv>

#include <fmt/format.h>

#include "security/hmac.hpp"
#include "store/tables/access.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t cursor_mac_bytes = 12;
constexpr std::size_t idempotency_key_bytes_max = 255;

void put_number(Bytes& out, std::int64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> shift));
}

std::int64_t get_number(ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t b : bytes) value = value << 8 | b;
    return static_cast<std::int64_t>(value);
}

security::Cell answer_cell(const Idempotency& what) {
    return {what.workspace, "idempotency", "body", what.key_hash};
}

/// The envelope or document that an answer shows: it holds names and goes with them.
std::optional<Uuid> subject_of(const json::Value& body) {
    const json::Value* id = body.find("id");
    if (id == nullptr || id->as_string() == nullptr) return std::nullopt;
    if (const auto envelope = EnvelopeId::parse(*id->as_string())) return envelope->value;
    if (const auto document = DocumentId::parse(*id->as_string())) return document->value;
    return std::nullopt;
}

}  // namespace

Cursors::Cursors(const security::Secret& key, std::string_view operation, std::int64_t workspace_no)
    : key_(key), place_(fmt::format("cursor {} {}", operation, workspace_no)) {}

Digest Cursors::mac(std::int64_t first, std::int64_t second) const {
    Bytes message(place_.begin(), place_.end());
    put_number(message, first);
    put_number(message, second);
    return security::hmac_sha256(key_.expose(), message);
}

std::string Cursors::make(std::int64_t first, std::int64_t second) const {
    Bytes raw;
    put_number(raw, first);
    put_number(raw, second);
    const Digest tag = mac(first, second);
    raw.insert(raw.end(), tag.begin(), tag.begin() + cursor_mac_bytes);
    return to_base64url(raw);
}

Result<std::pair<std::int64_t, std::int64_t>> Cursors::read(std::string_view text) const {
    const auto refuse = [] {
        return fail(Errc::invalid_argument,
                    "this cursor does not come from this list; start again without it",
                    "/query/cursor");
    };
    const auto raw = from_base64url(text.substr(0, 128));
    if (!raw || raw->size() != 16 + cursor_mac_bytes) return refuse();
    const ByteView view{*raw};
    const std::pair position{get_number(view.first(8)), get_number(view.subspan(8, 8))};
    const Digest tag = mac(position.first, position.second);
    if (!constant_time_equal({tag.data(), cursor_mac_bytes}, view.subspan(16))) return refuse();
    return position;
}

Result<PageQuery> read_page(Services& services, const Call& call, std::string_view operation) {
    PageQuery out;
    if (const std::string* limit = call.query.find("limit")) {
        std::size_t value = 0;
        const auto [end, error] =
            std::from_chars(limit->data(), limit->data() + limit->size(), value);
        if (error != std::errc{} || end != limit->data() + limit->size() || value < 1 ||
            value > 200)
            return fail(Errc::invalid_argument, "'limit' is a whole number from 1 to 200",
                        "/query/limit");
        out.page.limit = value;
    }
    if (const std::string* order = call.query.find("order")) {
        if (*order != "newest" && *order != "oldest")
            return fail(Errc::invalid_argument, "'order' is \"newest\" or \"oldest\"",
                        "/query/order");
        out.page.order =
            *order == "oldest" ? store::Order::oldest_first : store::Order::newest_first;
    }
    if (const std::string* cursor = call.query.find("cursor")) {
        TRY(const auto position,
            Cursors(services.cursor_key, operation, call.workspace_no).read(*cursor));
        out.page.after = position.first;
        out.second = position.second;
    }
    return out;
}

std::vector<Parameter> page_parameters(std::vector<Parameter> others) {
    others.push_back({"limit", "How many, 1 to 200 (default 50)", "integer"});
    others.push_back({"cursor", "next_cursor of the page before"});
    others.push_back({"order", "newest (default) or oldest first"});
    return others;
}

json::Value text_or_null(const std::string& text) {
    return text.empty() ? json::Value{} : json::Value{text};
}

json::Value time_or_null(const std::optional<Timestamp>& at) {
    return at ? json::Value{to_rfc3339(*at)} : json::Value{};
}

json::Value make_list(Services& services, const Call& call, std::string_view operation,
                      json::Array data, std::optional<std::int64_t> next, std::int64_t second) {
    json::Object out;
    out.append("data", std::move(data));
    if (next)
        out.append("next_cursor",
                   Cursors(services.cursor_key, operation, call.workspace_no).make(*next, second));
    else
        out.append("next_cursor", nullptr);
    return out;
}

Result<std::optional<Timestamp>> query_time(const Call& call, std::string_view name) {
    const std::string* text = call.query.find(name);
    if (text == nullptr) return std::nullopt;
    auto at = parse_rfc3339(*text);
    if (!at) return fail(Errc::invalid_argument, at.error().detail, "/query/" + std::string{name});
    return *at;
}

Result<Idempotency> read_idempotency(const Call& call) {
    Idempotency out;
    const auto key = call.request.headers.find("idempotency-key");
    if (!key) return out;
    if (key->empty() || key->size() > idempotency_key_bytes_max)
        return fail(Errc::invalid_argument, fmt::format("Idempotency-Key has 1 to {} characters",
                                                        idempotency_key_bytes_max));
    out.wanted = true;
    out.workspace_no = call.workspace_no;
    out.workspace = call.workspace;
    // Bound to the key's owner, so that two users of a workspace never meet by accident.
    out.key_hash = sha256(fmt::format("{} {}", call.principal.key_no, *key));
    Sha256 request;
    request.update(as_bytes(http::to_text(call.request.method)));
    request.update(as_bytes(" "));
    request.update(as_bytes(call.request.target));
    request.update(as_bytes("\n"));
    request.update(as_bytes(call.request.body));
    out.request_hash = request.finish();
    return out;
}

Result<std::optional<Reply>> begin_idempotent(store::Tx& tx, WriterSide& side,
                                              const Idempotency& what) {
    const Timestamp now = side.clock().wall();
    const store::IdempotencyKey key{what.workspace_no, what.key_hash};
    TRY(const auto before, store::claim_idempotency(tx.db(), key, what.request_hash, now));
    if (!before) return std::nullopt;
    if (before->request_hash != what.request_hash)
        return fail(Errc::conflict,
                    "this Idempotency-Key was used for another request; use a new key, or send "
                    "exactly the same request again");
    // A claim is committed together with its answer, so an unfinished one cannot be seen here.
    if (before->state != store::IdempotencyState::done)
        return fail(Errc::conflict, "a request with this Idempotency-Key is under way");
    // Only what succeeded is kept, so this status says that the answer was erased.
    if (before->status == 410)
        return fail(Errc::gone, "the answer to this request was erased with the person's data");
    CHECK(side.keys().ensure(tx, what.workspace, what.workspace_no, now));
    Reply reply;
    reply.status = before->status;
    if (!before->body.empty()) {
        TRY(const security::Secret body, side.keys().vault().open(answer_cell(what), before->body));
        TRY(reply.body, json::parse(body.expose_text(), {.bytes_max = 64 << 20}));
    }
    return reply;
}

Result<> end_idempotent(store::Tx& tx, WriterSide& side, const Idempotency& what,
                        const Reply& reply) {
    // Sealed, because some answers show a secret once.
    CHECK(side.keys().ensure(tx, what.workspace, what.workspace_no, side.clock().wall()));
    Bytes sealed;
    if (!reply.body.is_null()) {
        const std::string text = json::to_text(reply.body);
        TRY(sealed, side.keys().vault().seal(answer_cell(what), as_bytes(text)));
    }
    CHECK(store::finish_idempotency(tx.db(), {what.workspace_no, what.key_hash},
                                    {reply.status, "", sealed, subject_of(reply.body)}));
    return {};
}

}  // namespace blotter::api
