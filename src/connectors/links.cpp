#include "connectors/links.hpp"

#include "base/invariant.hpp"
#include "security/hmac.hpp"

namespace blotter::connectors {
namespace {

constexpr std::size_t body_bytes = 8 + 4 + 16;
constexpr std::size_t mac_bytes = 16;

void put_big_endian(Bytes& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::int64_t get_big_endian(ByteView bytes) {
    std::uint64_t value = 0;
    for (const std::uint8_t b : bytes) value = value << 8 | b;
    return static_cast<std::int64_t>(value);
}

}  // namespace

LinkSigner::LinkSigner(security::Secret key, std::string base_url)
    : key_(std::move(key)), base_url_(std::move(base_url)) {
    INVARIANT(key_.size() >= 32);
}

std::string LinkSigner::token(const Link& link) const {
    INVARIANT(link.event_seq >= 0 && link.destination_no >= 0 && link.destination_no <= UINT32_MAX);
    Bytes raw;
    raw.reserve(body_bytes + mac_bytes);
    put_big_endian(raw, static_cast<std::uint64_t>(link.event_seq), 8);
    put_big_endian(raw, static_cast<std::uint64_t>(link.destination_no), 4);
    raw.insert(raw.end(), link.file.value.begin(), link.file.value.end());
    const Digest mac = security::hmac_sha256(key_.expose(), raw);
    raw.insert(raw.end(), mac.begin(), mac.begin() + mac_bytes);
    return to_base64url(raw);
}

std::string LinkSigner::url(const Link& link) const {
    return base_url_ + "/l/" + token(link);
}

Result<Link> LinkSigner::open(std::string_view token) const {
    const auto raw = from_base64url(token.substr(0, 128));
    if (!raw || raw->size() != body_bytes + mac_bytes)
        return fail(Errc::not_found, "this is not a link of this installation");
    const ByteView body{raw->data(), body_bytes};
    const Digest mac = security::hmac_sha256(key_.expose(), body);
    if (!constant_time_equal({mac.data(), mac_bytes}, ByteView{*raw}.subspan(body_bytes)))
        return fail(Errc::not_found, "this is not a link of this installation");
    TRY(const FileId file, FileId::from_bytes(body.subspan(12)));
    return Link{get_big_endian(body.first(8)), get_big_endian(body.subspan(8, 4)), file};
}

}  // namespace blotter::connectors
