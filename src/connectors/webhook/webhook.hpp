#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "connectors/connector.hpp"
#include "connectors/links.hpp"
#include "connectors/secrets.hpp"
#include "http/client.hpp"
#include "runtime/clock.hpp"
#include "security/egress.hpp"

namespace blotter::connectors {

/// Destinations of kind `webhook`: one signed POST per attempt (Standard Webhooks 1.0.0, with one
/// compatibility header and a bearer key where asked for). 2xx counts; redirects are not followed.
/// What is the same for every attempt of a destination is made once and kept. Loop thread only.
class WebhookConnector final : public Connector {
  public:
    struct Parts {
        runtime::Loop& loop;
        http::Client& client;
        SecretSource& secrets;
        const security::EgressGuard& guard;
        const LinkSigner& links;
    };
    struct Options {
        std::string user_agent;
        Duration links_lifetime{1'800'000};
        Duration connect_time{5'000};
        Duration resolve_time{2'000};
        std::size_t answer_bytes_max = 64 * 1024;
        std::size_t answer_kept_max = 16 * 1024;
    };
    WebhookConnector(Parts parts, Options options);
    ~WebhookConnector() override;

    runtime::Task<ReportPtr> attempt(AttemptRequest request) override;
    void forget(std::int64_t destination_no) override;

  private:
    struct Prepared;
    using PreparedPtr = std::shared_ptr<Prepared>;

    /// What is ready for this very version of the destination; null when it has to be made.
    PreparedPtr find_prepared(const Destination& of) const;
    runtime::Task<Result<PreparedPtr>> prepare(routing::TargetPtr target);
    Result<PreparedPtr> make(const Destination& destination, DestinationSecrets secrets);
    std::shared_ptr<const std::string> body_of(const AttemptRequest& request) const;
    /// The lines of the request that are this attempt's own.
    Result<std::string> sign(Prepared& prepared, const AttemptRequest& request,
                             std::string_view body);
    static void note_request(Prepared& prepared, const AttemptRequest& request,
                             std::string_view lines, Attempt& attempt);

    Parts parts_;
    Options options_;
    std::unordered_map<std::int64_t, PreparedPtr> prepared_;
    std::uint64_t forgotten_ = 0;  ///< counts `forget`: what was read before one is not kept
};

/// Checks a webhook's settings as far as that is possible without the network: address, headers,
/// signature header, certificate authorities. Errc::invalid_argument or address_denied with a
/// pointer below the destination's `config`.
Result<> check_webhook(const WebhookSettings& settings, const security::EgressGuard& guard,
                       bool has_bearer);

}  // namespace blotter::connectors
