#pragma once

#include <memory>
#include <thread>

#include "api/gateway.hpp"
#include "api/request_log.hpp"
#include "api/secret_source.hpp"
#include "api/slack/side.hpp"
#include "api/slack/stored_book.hpp"
#include "connectors/accounting_webhook/accounting_webhook.hpp"
#include "connectors/slack/slack.hpp"
#include "connectors/webhook/webhook.hpp"
#include "delivery/engine.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "server/platform.hpp"
#include "server/postings.hpp"
#include "server/random.hpp"

namespace blotter::server {

/// What all lanes share, already made.
struct Shared {
    runtime::Clock& clock;
    runtime::Offload& offload;
    store::Writer& writer;
    store::Reader& reader;
    store::Blobs& blobs;
    api::WriterSide& writer_side;
    delivery::Hub& hub;
    delivery::Backlogs& backlogs;
    observe::Counter& request_log_dropped;
    const security::MasterKeys& masters;
    const WorkspaceId& installation;
    const security::EgressGuard& guard;
    const config::Settings& settings;
    const api::RouteTable& routes;
    observe::Logger& log;
    const observe::MetricsPage& metrics;
    const observe::Health& health;
    security::Secret& link_key;
    security::Secret& cursor_key;
    std::string public_url;
    const ledger::Sealer& sealer;
    const api::DiskSpace& space;
    api::CallerLimits& limits;
    std::string version;
    routing::DirectoryPtr directory;
    connectors::slack::PacingDesk& slack_pacing;
    std::int64_t run = 0;  ///< a number of this run of the program
    Pace pace;
};

/// What one lane alone has, and what differs from machine to machine.
struct LaneParts {
    std::unique_ptr<runtime::Network> network;
    std::unique_ptr<runtime::Resolver> resolver;
    std::unique_ptr<runtime::Acceptor> acceptor;
    std::unique_ptr<runtime::Entropy> entropy;
};

/// One loop with everything that runs on it: listener, API, delivery engine, connectors, and its
/// own network, keys and randomness. Nothing in it is touched from another thread but through
/// `post` and the engine's mailbox.
class Lane {
  public:
    Lane(Shared& shared, runtime::Loop& loop, LaneParts parts, std::uint32_t index,
         std::uint32_t count);

    runtime::Loop& loop() { return loop_; }
    delivery::Engine& engine() { return engine_; }
    api::Services& services() { return services_; }
    runtime::Endpoint local() const { return local_; }

    /// Before it starts.
    void show_on(observe::MetricsPage& page) const;
    void start();
    /// What the API accepts as its certificate from now on; on the lane's own loop.
    Result<> reload_certificates() { return server_.acceptor().reload_certificates(); }
    /// On the lane's own loop.
    runtime::Task<> stop_serving(MonoTime deadline);
    runtime::Task<> stop_delivering(MonoTime deadline);
    /// On the lane's own loop: opens with other master keys from now on.
    runtime::Task<> set_masters(security::MasterKeys masters);
    /// From any thread.
    void set_directory(routing::DirectoryPtr directory);

  private:
    runtime::Loop& loop_;
    std::unique_ptr<runtime::Network> network_;
    std::unique_ptr<runtime::Resolver> resolver_;
    runtime::Endpoint local_;
    std::unique_ptr<runtime::Entropy> entropy_;
    RandomFrom random_;
    security::Vault vault_;
    intake::Keyring keys_;
    connectors::LinkSigner links_;
    http::Client client_;
    api::StoredSecrets secrets_;
    connectors::WebhookConnector webhook_;
    connectors::AccountingWebhook accounting_webhook_;
    PostingProbe posting_probe_;
    Postings postings_;
    delivery::DeliveryProbe delivery_probe_;
    api::ApiProbe api_probe_;
    connectors::slack::WebApi slack_api_;
    api::StoredSlackBook slack_book_;
    connectors::slack::Poster slack_poster_;
    connectors::SlackConnector slack_;
    api::SlackSide slack_side_;
    delivery::Engine engine_;
    api::RequestLog request_log_;
    api::Services services_;
    api::Gateway gateway_;
    http::Server server_;
};

}  // namespace blotter::server
