#include "api/reading_key.hpp"

#include "security/api_key.hpp"

namespace blotter::api {

std::string_view bearer_of(const http::Request& request) {
    const std::string_view field = request.headers.get("authorization");
    constexpr std::string_view scheme = "bearer ";
    if (field.size() <= scheme.size() ||
        !http::equal_ignoring_case(field.substr(0, scheme.size()), scheme))
        return {};
    return field.substr(scheme.size());
}

bool is_reading_key(const Call& call, std::string_view bearer, std::int64_t workspace_no) {
    const auto presented = security::read_api_key(bearer);
    if (!presented) return false;
    const routing::KeyFacts* key = call.directory->key(presented->id);
    const bool genuine = security::matches(*presented, key != nullptr ? key->hash : Digest{});
    if (key == nullptr || !genuine || key->revoked) return false;
    if (key->expires_at && *key->expires_at <= call.now) return false;
    if (key->workspace_no && *key->workspace_no != workspace_no) return false;
    return security::allows(key->role, key->scopes, security::Permission::payload_read);
}

}  // namespace blotter::api
