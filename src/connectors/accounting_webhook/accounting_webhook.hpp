#pragma once

#include "connectors/posting.hpp"
#include "http/client.hpp"
#include "runtime/loop.hpp"
#include "security/egress.hpp"

namespace blotter::connectors {

/// Postings of kind `webhook`: one POST of the payload as JSON, with the API key as a bearer token
/// and the request id as `Idempotency-Key`. 2xx counts; redirects are not followed. TLS 1.2 or
/// later with a certificate that is trusted. Keeps nothing between postings but idle connections.
/// Loop thread only.
class AccountingWebhook final : public PostingConnector {
  public:
    struct Parts {
        runtime::Loop& loop;
        http::Client& client;
        const security::EgressGuard& guard;
    };
    struct Options {
        std::string user_agent;
        Duration connect_time{5'000};
        Duration resolve_time{2'000};
        std::size_t answer_bytes_max = 64 * 1024;
        std::size_t answer_kept_max = 16 * 1024;
    };
    AccountingWebhook(Parts parts, Options options) : parts_(parts), options_(std::move(options)) {}

    runtime::Task<PostingReport> post(PostingRequest request) override;

  private:
    Result<http::Exchange> make_exchange(const PostingRequest& request, Attempt& attempt) const;

    Parts parts_;
    Options options_;
};

}  // namespace blotter::connectors
