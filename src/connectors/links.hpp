#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "security/secret.hpp"

namespace blotter::connectors {

/// What a secure link stands for: one file, sent with one event to one destination. Whether it is
/// still valid is decided at the fetch, by the latest attempt that carried it.
struct Link {
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    FileId file;
    bool operator==(const Link&) const = default;
};

/// Makes and reads the token of a secure link: base64url of event (8 bytes, big endian),
/// destination (4), file (16) and the first 16 bytes of HMAC-SHA-256 over them. Unguessable
/// without the key, the same on every attempt, nothing to store. One per thread.
class LinkSigner {
  public:
    /// `base_url` without a slash at the end, for example "https://blotter.example".
    LinkSigner(security::Secret key, std::string base_url);

    std::string url(const Link& link) const;
    std::string token(const Link& link) const;
    /// Errc::not_found for anything that this key did not make.
    Result<Link> open(std::string_view token) const;

  private:
    security::Secret key_;
    std::string base_url_;
};

}  // namespace blotter::connectors
