#include "server/lane.hpp"

namespace blotter::server {
namespace {

delivery::DispatcherLimits limits_of(const config::Settings& settings, std::uint32_t loops) {
    delivery::DispatcherLimits limits;
    const auto in_flight = static_cast<std::uint32_t>(settings.delivery.in_flight_max) / loops;
    limits.slow_slots = std::max(in_flight / 4, 1U);
    limits.shared_slots = std::max(in_flight - in_flight / 4, 1U);
    limits.queued_max = static_cast<std::uint32_t>(settings.delivery.queue_max);
    return limits;
}

http::ServerOptions server_options(const config::Settings& settings, std::uint32_t loops) {
    http::ServerOptions options;
    options.head.head_bytes_max = settings.request.head_bytes_max;
    options.connections_max = std::max<std::uint64_t>(settings.listen.connections_max / loops, 1);
    options.idle_time = settings.request.idle_timeout;
    options.head_time = std::min(options.head_time, settings.request.timeout);
    return options;
}

connectors::WebhookConnector::Options webhook_options(const Shared& shared) {
    connectors::WebhookConnector::Options options;
    options.user_agent = "Blotter/" + shared.version;
    options.links_lifetime = shared.settings.links.lifetime;
    options.connect_time = shared.settings.delivery.connect_timeout;
    options.resolve_time = shared.settings.dns.timeout;
    options.answer_bytes_max = shared.settings.delivery.answer_bytes_max;
    options.answer_kept_max = shared.settings.delivery.answer_excerpt_bytes_max;
    return options;
}

connectors::AccountingWebhook::Options accounting_options(const Shared& shared) {
    connectors::AccountingWebhook::Options options;
    options.user_agent = "Blotter/" + shared.version;
    options.connect_time = shared.settings.delivery.connect_timeout;
    options.resolve_time = shared.settings.dns.timeout;
    options.answer_bytes_max = shared.settings.delivery.answer_bytes_max;
    options.answer_kept_max = shared.settings.delivery.answer_excerpt_bytes_max;
    return options;
}

connectors::slack::WebApi::Options slack_options(const Shared& shared) {
    connectors::slack::WebApi::Options options;
    options.base_url = shared.settings.slack.base_url;
    options.user_agent = "Blotter/" + shared.version;
    return options;
}

connectors::SlackConnector::Options slack_connector_options(const Shared& shared) {
    connectors::SlackConnector::Options options;
    if (shared.settings.slack.signing_secret.is_set())
        options.buttons = connectors::slack::Buttons::buttons;
    options.envelope_url = shared.settings.slack.envelope_url;
    options.fold_after = static_cast<std::uint32_t>(shared.settings.slack.fold_after);
    return options;
}

/// What waits in memory for a destination, besides the attempt that asks.
std::uint32_t waiting_in(delivery::Engine& engine, std::int64_t destination_no) {
    const auto view = engine.view(destination_no);
    return view ? view->fresh + view->late : 0;
}

}  // namespace

Lane::Lane(Shared& shared, runtime::Loop& loop, LaneParts parts, std::uint32_t index,
           std::uint32_t count)
    : loop_(loop),
      network_(std::move(parts.network)),
      resolver_(std::move(parts.resolver)),
      local_(parts.acceptor->local()),
      entropy_(std::move(parts.entropy)),
      random_(*entropy_),
      vault_(shared.masters.copy(), random_),
      keys_(vault_, shared.installation),
      links_(security::Secret::copy_of(shared.link_key.expose()), shared.public_url),
      client_(loop, *network_, *resolver_),
      secrets_(loop, shared.reader, keys_),
      webhook_({loop, client_, secrets_, shared.guard, links_}, webhook_options(shared)),
      accounting_webhook_({loop, client_, shared.guard}, accounting_options(shared)),
      postings_(accounting_webhook_, posting_probe_),
      api_probe_(shared.routes),
      slack_api_({client_, shared.guard}, slack_options(shared)),
      slack_book_({loop, shared.writer, shared.reader, shared.writer_side, keys_, shared.log},
                  shared.run),
      slack_poster_({loop, *entropy_, slack_api_, slack_book_, shared.slack_pacing}),
      slack_({loop, *entropy_, slack_poster_, links_},
             [this, &shared] {
                 auto options = slack_connector_options(shared);
                 options.waiting = [this](std::int64_t no) { return waiting_in(engine_, no); };
                 return options;
             }()),
      slack_side_{slack_api_, slack_poster_, shared.public_url, shared.run},
      engine_({loop,
               *entropy_,
               shared.writer,
               shared.reader,
               shared.writer_side.scribe,
               keys_,
               shared.backlogs,
               shared.log,
               delivery_probe_,
               {{"webhook", &webhook_}, {"slack", &slack_}}},
              {limits_of(shared.settings, count), 1'000'000 / count,
               static_cast<std::uint32_t>(shared.settings.delivery.workspace_in_flight_max),
               static_cast<std::uint32_t>(shared.settings.delivery.jitter_percent), count, index,
               shared.pace.deliveries, shared.pace.overdue},
              shared.directory),
      request_log_({loop, shared.writer, shared.log, shared.request_log_dropped},
                   {.period = shared.pace.request_log}),
      services_{loop,
                *entropy_,
                shared.offload,
                shared.writer,
                shared.reader,
                shared.blobs,
                shared.writer_side,
                keys_,
                shared.hub,
                shared.guard,
                links_,
                shared.settings,
                shared.log,
                shared.metrics,
                shared.health,
                shared.cursor_key,
                shared.sealer,
                shared.space,
                shared.limits,
                shared.version,
                shared.directory},
      gateway_(services_, shared.routes, api_probe_),
      server_(loop, std::move(parts.acceptor), gateway_, server_options(shared.settings, count)) {
    services_.public_url = shared.public_url;
    services_.request_log = &request_log_;
    services_.postings = &postings_;
    services_.slack = &slack_side_;
    server_.on_exception = [&log = shared.log](std::exception_ptr failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            log.error("server.session_failed", {{"reason", std::string_view{e.what()}}});
        }
    };
}

void Lane::show_on(observe::MetricsPage& page) const {
    delivery_probe_.show_on(page);
    api_probe_.show_on(page);
    posting_probe_.show_on(page);
}

void Lane::start() {
    request_log_.start();
    engine_.start();
    server_.start();
}

runtime::Task<> Lane::stop_serving(MonoTime deadline) {
    server_.close();
    co_await server_.join(deadline);
    co_await request_log_.stop();
}

runtime::Task<> Lane::stop_delivering(MonoTime deadline) {
    co_await engine_.stop(deadline);
}

runtime::Task<> Lane::set_masters(security::MasterKeys masters) {
    vault_.set_masters(std::move(masters));
    co_return;
}

void Lane::set_directory(routing::DirectoryPtr directory) {
    loop_.post([this, directory = std::move(directory)] { services_.directory = directory; });
}

}  // namespace blotter::server
