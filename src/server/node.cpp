#include "server/node.hpp"

#include <vector>

#include <fmt/format.h>

#include "api/erasure.hpp"
#include "cli/keys.hpp"
#include "config/load.hpp"
#include "ledger/sealer.hpp"
#include "runtime/start.hpp"
#include "runtime/system_network.hpp"
#include "runtime/wait_for.hpp"
#include "server/background.hpp"
#include "server/certificate_watch.hpp"
#include "server/data_directory.hpp"
#include "server/figures.hpp"
#include "server/lane.hpp"
#include "server/metrics_listener.hpp"
#include "server/recovery.hpp"
#include "server/retention.hpp"
#include "server/seal_task.hpp"

namespace blotter::server {
namespace {

constexpr std::uint32_t waiting_per_destination_max = 900;
constexpr std::size_t reader_threads = 2;

Result<runtime::Endpoint> endpoint_of(const config::HostPort& address) {
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(address.host, error);
    if (error)
        return fail(Errc::invalid_argument,
                    fmt::format("'{}' is no IP address to listen on", address.host));
    return runtime::Endpoint{ip, address.port};
}

void add_own(security::EgressPolicy& policy, const runtime::Endpoint& own) {
    if (const auto ip = security::IpAddress::parse(own.address().to_string()))
        policy.own.push_back({*ip, own.port()});
}

/// Everything under which this installation can be reached is closed to its destinations. The
/// machine's addresses are those at the start.
Result<security::EgressGuard> make_guard(const config::Settings& settings,
                                         const runtime::Endpoint& own) {
    security::EgressPolicy policy;
    if (settings.egress.http_allowed) policy.plain_http = security::PlainHttp::allowed;
    for (const auto* list : {&settings.egress.allow, &settings.egress.allow_private})
        for (const std::string& text : *list) {
            TRY(const security::Cidr cidr, security::Cidr::parse(text));
            policy.allow.push_back(cidr);
        }
    add_own(policy, own);
    if (settings.metrics.address) {
        TRY(const runtime::Endpoint metrics, endpoint_of(*settings.metrics.address));
        add_own(policy, metrics);
    }
    for (const runtime::IpAddress& address : runtime::machine_addresses())
        if (const auto ip = security::IpAddress::parse(address.to_string()))
            policy.machine.push_back(*ip);
    if (const auto url = security::parse_url(settings.listen.public_url); url && !url->address)
        policy.own_names.emplace_back(url->host, url->port);
    return security::EgressGuard::create(std::move(policy));
}

/// The authorities of egress.extra_ca_file, checked; empty when there is none.
Result<std::string> extra_authorities(runtime::Disk& disk, const config::Settings& settings) {
    const std::filesystem::path& file = settings.egress.extra_ca_file;
    if (file.empty()) return std::string{};
    TRY(std::string pem, disk.read_all(file, runtime::authorities_bytes_max));
    if (auto usable = runtime::check_authorities(pem); !usable)
        return fail(Errc::invalid_argument, fmt::format("egress.extra_ca_file, {}: {}",
                                                        file.string(), usable.error().detail));
    return pem;
}

/// Files of an erasure that a process did not come to remove.
Result<> finish_erasures(sql::Connection& db, store::Blobs& blobs) {
    CHECK(db.begin());
    if (auto done = api::remove_doomed_blobs(db, blobs); !done) {
        db.rollback();
        return done;
    }
    return db.commit();
}

std::string text_of(const runtime::Endpoint& endpoint) {
    return config::to_text(config::HostPort{endpoint.address().to_string(), endpoint.port()});
}

}  // namespace

struct Node::Impl {
    explicit Impl(Options given) : options(std::move(given)) {}

    Options options;
    runtime::Clock& clock = options.platform.clock();
    runtime::Disk& disk = options.platform.disk();
    /// The writer's thread's, once it runs.
    std::unique_ptr<runtime::Entropy> entropy_owner = options.platform.make_entropy();
    runtime::Entropy& entropy = *entropy_owner;
    RandomFrom random{entropy};
    std::optional<OpenedData> data;
    std::unique_ptr<ledger::Sealer> sealer;
    std::unique_ptr<runtime::Offload> offload;
    std::unique_ptr<runtime::Offload> reader_offload;
    std::unique_ptr<store::Reader> reader;
    std::unique_ptr<store::Blobs> blobs;
    std::unique_ptr<security::Vault> vault;
    std::unique_ptr<intake::Keyring> keys;
    std::unique_ptr<ledger::LogBook> book;
    std::unique_ptr<delivery::FirstAttempts> owed;
    delivery::Backlogs backlogs;
    std::unique_ptr<delivery::Hub> hub;
    std::unique_ptr<intake::DirectoryHolder> directory;
    std::unique_ptr<intake::Intake> intake;
    std::unique_ptr<delivery::Scribe> scribe;
    std::unique_ptr<api::WriterSide> writer_side;
    api::EventProbe event_probe;
    FiguresProbe figures_probe;
    observe::Gauge certificate_failed;
    observe::Gauge build;
    observe::Gauge started_at;
    observe::Counter jobs;
    observe::Counter lost_full;
    observe::Counter lost_broken;
    observe::Histogram commit_work;
    api::DiskSpace space{options.settings.data.free_bytes_min};
    api::CallerLimits limits{options.settings};
    RetentionProbe retention_probe;
    observe::Counter request_log_dropped;
    observe::Counter commits;
    observe::Histogram commit_time;
    observe::MetricsPage metrics;
    observe::Health health;
    observe::HealthCheck* serving = nullptr;
    std::unique_ptr<api::RouteTable> routes;
    std::optional<security::EgressGuard> guard;
    std::vector<std::unique_ptr<runtime::Loop>> loops;
    std::optional<connectors::slack::PacingDesk> slack_pacing;
    std::optional<store::Commits> watched;  ///< by what runs on the first loop
    std::unique_ptr<Shared> shared;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::unique_ptr<MetricsListener> metrics_listener;
    std::unique_ptr<SealTask> seals;
    std::vector<std::unique_ptr<Background>> background;
    /// After all that its jobs refer to, so that it ends first.
    std::unique_ptr<store::Writer> writer;
    std::vector<std::jthread> threads;
    bool running = false;

    Result<> open_store();
    Result<> make_writer_side();
    void show_metrics();
    Result<> listen();
    Result<> make_companions();
    void reload_certificates();
    Result<> announce();
    runtime::Task<Result<std::int64_t>> rewrap(security::MasterKeys masters);
    void finish(runtime::Loop& loop, runtime::Task<> task);
};

Result<> Node::Impl::open_store() {
    const config::Settings& settings = options.settings;
    const OpenOptions opening{settings, disk, clock, entropy, options.platform.database()};
    TRY(OpenedData opened, open_data(opening));
    data.emplace(std::move(opened));
    TRY(sealer, ledger::Sealer::open({disk, data->paths.last_signed(), data->secrets.ledger_seed}));
    CHECK(sealer->judge_all(*data->writer));
    TRY(const std::int64_t last,
        recover_first_attempts(*data->writer, *data->directory, clock, data->watermark));
    owed = std::make_unique<delivery::FirstAttempts>(last);
    offload = options.platform.make_offload(settings.threads.blocking);
    reader_offload = options.platform.make_offload(reader_threads);
    std::vector<std::unique_ptr<sql::Connection>> connections;
    for (std::size_t i = 0; i < reader_threads; ++i) {
        TRY(auto connection, open_reader(opening));
        connections.push_back(std::move(connection));
    }
    reader = std::make_unique<store::Reader>(*reader_offload, clock, std::move(connections),
                                             store::Reader::Options{});
    blobs = std::make_unique<store::Blobs>(disk, *offload, data->paths.files());
    TRY(const std::uint64_t free, disk.free_bytes(data->paths.root));
    space.set_free(free);
    CHECK(blobs->prepare());
    return finish_erasures(*data->writer, *blobs);
}

Result<> Node::Impl::make_writer_side() {
    const config::Settings& settings = options.settings;
    vault = std::make_unique<security::Vault>(data->masters.copy(), random);
    keys = std::make_unique<intake::Keyring>(*vault, data->installation);
    CHECK(keys->load(*data->writer, WorkspaceId{}, 0));
    book = std::make_unique<ledger::LogBook>(ledger::LogBook::Options{settings.ledger.origin});
    hub = std::make_unique<delivery::Hub>(*owed, backlogs, waiting_per_destination_max);
    directory = std::make_unique<intake::DirectoryHolder>(data->directory,
                                                          [this](routing::DirectoryPtr next) {
                                                              for (const auto& lane : lanes)
                                                                  lane->set_directory(next);
                                                              hub->publish(std::move(next));
                                                              // The commit was rung before this.
                                                              watched->ring();
                                                          });
    intake = std::make_unique<intake::Intake>(
        intake::Intake::Parts{*keys, *book, *directory, *hub, clock, entropy});
    scribe = std::make_unique<delivery::Scribe>(*intake, *owed);
    writer_side = std::make_unique<api::WriterSide>(
        api::WriterSide{*intake, *scribe, random, *blobs, event_probe,
                        static_cast<std::int64_t>(entropy.next() >> 1)});
    store::Writer::Options writing;
    writing.ops_max = settings.store.commit_ops_max;
    writing.queue_max = settings.store.queue_ops_max;
    writing.clock = &clock;
    writing.on_commit = [this](const store::Writer::Commit& commit) {
        commits.add();
        jobs.add(commit.jobs);
        commit_work.observe(commit.work);
        commit_time.observe(commit.sync);
        watched->ring();
    };
    writing.on_lost = [this](const Error& error) {
        (error.code == Errc::storage_full ? lost_full : lost_broken).add();
    };
    writing.on_broken = [this](const Error& error) {
        options.log.error("store.broken", {{"error", error}});
        if (options.on_broken) options.on_broken();
    };
    writer = std::make_unique<store::Writer>(std::move(data->writer), std::move(writing));
    return {};
}

void Node::Impl::show_metrics() {
    metrics.add({"blotter_request_log_dropped_total", "Requests that were not kept in the log"}, {},
                request_log_dropped);
    metrics.add({"blotter_store_commits_total", "Groups of writes made durable"}, {}, commits);
    metrics.add({"blotter_store_jobs_total", "Pieces of writing work made durable, in groups"}, {},
                jobs);
    metrics.add({"blotter_store_commit_seconds", "How long a durable commit takes"}, {},
                commit_time);
    metrics.add({"blotter_store_work_seconds", "How long the work of a group takes before it"}, {},
                commit_work);
    constexpr observe::Family lost{"blotter_store_commits_lost_total",
                                   "Groups of writes that were lost, and not acknowledged"};
    metrics.add(lost, {{"reason", "disk_full"}}, lost_full);
    metrics.add(lost, {{"reason", "failed"}}, lost_broken);
    metrics.add({"blotter_certificate_reload_failed",
                 "1 while a renewed certificate could not be used and the old one still is"},
                {}, certificate_failed);
    build.set(1);
    metrics.add({"blotter_build_info", "Always 1; the label says which version this is"},
                {{"version", observe::FixedText{options.version}}}, build);
    started_at.set(to_ms(clock.wall()) / 1'000);
    metrics.add({"blotter_start_timestamp_seconds", "When it was started, in seconds since 1970"},
                {}, started_at);
    space.show_on(metrics);
    retention_probe.show_on(metrics);
    event_probe.show_on(metrics);
    metrics.add({"blotter_filter_errors_total",
                 "Times that a destination's filter could not judge an event"},
                {}, intake->filter_errors());
    figures_probe.show_on(metrics);
    for (const auto& lane : lanes) lane->show_on(metrics);
    serving = &health.add("serving", observe::Scope::ready);
}

Result<> Node::Impl::listen() {
    const config::Settings& settings = options.settings;
    const auto count = static_cast<std::uint32_t>(
        config::loops_for(settings, std::thread::hardware_concurrency()));
    TRY(runtime::Endpoint at, endpoint_of(settings.listen.address));
    TRY(const std::string authorities, extra_authorities(disk, settings));
    std::vector<LaneParts> parts;
    for (std::uint32_t i = 0; i < count; ++i) {
        loops.push_back(std::make_unique<runtime::Loop>(clock));
        auto network = options.platform.make_network(*loops.back(), authorities);
        runtime::ListenOptions listening{.at = at};
        if (count > 1) listening.share = runtime::ListenOptions::Share::yes;
        if (!settings.listen.tls_certificate.empty())
            listening.tls = runtime::TlsServerOptions{settings.listen.tls_certificate.string(),
                                                      settings.listen.tls_key.string()};
        TRY(auto acceptor, network->listen(std::move(listening)));
        at = acceptor->local();
        TRY(auto resolver, options.platform.make_resolver(*loops.back(), settings));
        parts.push_back({std::move(network), std::move(resolver), std::move(acceptor),
                         options.platform.make_entropy()});
    }
    watched.emplace(*loops[0]);
    TRY(guard, make_guard(settings, at));
    TRY(routes, api::RouteTable::make(api::all_route_groups()));
    std::string public_url = config::public_url_for(settings);
    if (settings.listen.public_url.empty())
        public_url =
            (settings.listen.tls_certificate.empty() ? "http://" : "https://") + text_of(at);
    slack_pacing.emplace(static_cast<std::uint32_t>(settings.slack.workspace_messages_per_minute));
    for (const auto& loop : loops) slack_pacing->add(*loop);
    shared = std::make_unique<Shared>(Shared{clock,
                                             *offload,
                                             *writer,
                                             *reader,
                                             *blobs,
                                             *writer_side,
                                             *hub,
                                             backlogs,
                                             request_log_dropped,
                                             data->masters,
                                             data->installation,
                                             *guard,
                                             settings,
                                             *routes,
                                             options.log,
                                             metrics,
                                             health,
                                             data->secrets.link_key,
                                             data->secrets.cursor_key,
                                             std::move(public_url),
                                             *sealer,
                                             space,
                                             limits,
                                             options.version,
                                             data->directory,
                                             *slack_pacing,
                                             static_cast<std::int64_t>(entropy.next() >> 1),
                                             options.platform.pace()});
    std::vector<delivery::Engine*> engines;
    for (std::uint32_t i = 0; i < count; ++i) {
        lanes.push_back(std::make_unique<Lane>(*shared, *loops[i], std::move(parts[i]), i, count));
        engines.push_back(&lanes.back()->engine());
    }
    hub->set_engines(std::move(engines));
    show_metrics();
    return make_companions();
}

/// On the first loop; the others follow when it worked there.
void Node::Impl::reload_certificates() {
    if (options.settings.listen.tls_certificate.empty()) return;
    if (auto done = lanes[0]->reload_certificates(); !done) {
        certificate_failed.set(1);
        options.log.error("tls.reload_failed",
                          {{"error", done.error()},
                           {"detail", "the certificate that was read before stays in use"}});
        return;
    }
    certificate_failed.set(0);
    options.log.info("tls.reloaded", {{"path", options.settings.listen.tls_certificate.string()}});
    for (std::size_t i = 1; i < lanes.size(); ++i)
        lanes[i]->loop().post([this, &lane = *lanes[i]] {
            if (auto done = lane.reload_certificates(); !done)
                options.log.error("tls.reload_failed", {{"error", done.error()}});
        });
}

/// What runs beside the lanes, on the first loop.
Result<> Node::Impl::make_companions() {
    const config::Settings& settings = options.settings;
    seals = std::make_unique<SealTask>(
        SealTask::Parts{*loops[0], *offload, *writer, *book, *sealer, options.log},
        settings.ledger.checkpoint_interval);
    background = make_background({lanes[0]->services(), disk, space, retention_probe, figures_probe,
                                  *watched, options.platform.pace()});
    if (!settings.listen.tls_certificate.empty())
        background.push_back(std::make_unique<CertificateWatch>(CertificateWatch::Parts{
            *loops[0],
            *offload,
            disk,
            options.log,
            {settings.listen.tls_certificate.string(), settings.listen.tls_key.string()},
            [this] { reload_certificates(); }}));
    if (settings.metrics.address) {
        TRY(const runtime::Endpoint own, endpoint_of(*settings.metrics.address));
        TRY(metrics_listener, MetricsListener::open(*loops[0], own, metrics, health));
    }
    return {};
}

/// Where it listens, for people and for scripts; the first key, once.
Result<> Node::Impl::announce() {
    const std::string address = text_of(lanes[0]->local());
    CHECK(disk.replace(data->paths.address(), address + "\n"));
    if (data->owner_key) {
        options.log.info("server.owner_key_written", {{"path", data->paths.owner_key().string()}});
        data->owner_key.reset();
    }
    if (metrics_listener)
        options.log.info("server.metrics_listening",
                         {{"address", text_of(metrics_listener->local())}});
    options.log.info(
        "server.listening",
        {{"address", address}, {"public_url", shared->public_url}, {"version", options.version}});
    return {};
}

/// Runs a task on a loop to its end.
void Node::Impl::finish(runtime::Loop& loop, runtime::Task<> task) {
    if (!options.step) return runtime::wait_for(loop, std::move(task));
    bool done = false;
    runtime::start(loop.executor(), std::move(task),
                   [&done](const std::exception_ptr&) { done = true; });
    while (!done) options.step();
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// What cannot be stopped in order ends the process here, as a crash would: the store bears that.
Node::~Node() {  // NOLINT(bugprone-exception-escape)
    if (impl_->running) stop();
}

Result<std::unique_ptr<Node>> Node::open(Options options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    CHECK(impl->open_store());
    CHECK(impl->make_writer_side());
    CHECK(impl->listen());
    return std::unique_ptr<Node>{new Node{std::move(impl)}};
}

Result<> Node::start() {
    const bool threads = !impl_->options.step;
    if (threads) impl_->writer->start();
    for (std::size_t i = 0; i < impl_->lanes.size(); ++i) {
        Lane& lane = *impl_->lanes[i];
        lane.loop().post([&lane] { lane.start(); });
        if (i == 0)
            lane.loop().post([impl = impl_.get()] {
                impl->seals->start();
                if (impl->metrics_listener) impl->metrics_listener->start();
                for (const auto& task : impl->background) task->start();
            });
        if (threads) impl_->threads.emplace_back([&lane] { lane.loop().run(); });
    }
    impl_->running = true;
    impl_->serving->pass();
    return impl_->announce();
}

void Node::stop() {
    Impl& impl = *impl_;
    impl.running = false;
    impl.serving->fail("stopping");
    impl.options.log.info("server.stopping");
    const MonoTime deadline = impl.clock.mono() + impl.options.settings.shutdown.drain;
    for (const auto& lane : impl.lanes) impl.finish(lane->loop(), lane->stop_serving(deadline));
    if (impl.metrics_listener) impl.finish(*impl.loops[0], impl.metrics_listener->stop(deadline));
    for (const auto& task : impl.background) impl.finish(*impl.loops[0], task->stop());
    for (const auto& lane : impl.lanes) impl.finish(lane->loop(), lane->stop_delivering(deadline));
    impl.finish(*impl.loops[0], impl.seals->stop());
    impl.writer->stop();
    for (const auto& loop : impl.loops) loop->stop();
    impl.threads.clear();
    impl.options.log.info("server.stopped");
}

void Node::reload_certificates() {
    impl_->lanes[0]->loop().post([impl = impl_.get()] { impl->reload_certificates(); });
}

/// The writer's vault first, then the rows, a slice per transaction.
runtime::Task<Result<std::int64_t>> Node::Impl::rewrap(security::MasterKeys masters) {
    runtime::Loop& loop = *loops[0];
    const std::string current = masters.current().id;
    CO_CHECK(co_await store::write(
        loop, *writer, [this, fresh = std::move(masters)](store::Tx& tx) mutable -> Result<> {
            vault->set_masters(std::move(fresh));
            return cli::renew_canary(tx.db(), *vault);
        }));
    for (std::int64_t all = 0;;) {
        CO_TRY(const std::int64_t some,
               co_await store::write(loop, *writer, [this, current](store::Tx& tx) {
                   return cli::rewrap_slice(tx.db(), *vault, current);
               }));
        if (some == 0) co_return all;
        all += some;
    }
}

Result<std::int64_t> Node::rotate_master_key() {
    Impl& impl = *impl_;
    if (impl.options.settings.keys.master.is_set()) return 0;
    const auto file = config::key_file_for(impl.options.settings);
    TRY(security::MasterKeys masters, security::MasterKeys::load_file(file));
    if (masters.current().id == impl.data->masters.current().id) return 0;
    if (masters.find(impl.data->masters.current().id) == nullptr)
        return fail(Errc::precondition_failed,
                    fmt::format("the key file {} has lost the key that is in use: put its line "
                                "back below the new one",
                                file.string()));
    // Readers first: they must open what is wrapped anew from the first row on.
    for (const auto& lane : impl.lanes)
        impl.finish(lane->loop(), lane->set_masters(masters.copy()));
    std::optional<Result<std::int64_t>> count;
    const auto keep = [](Impl& on, security::MasterKeys keys,
                         std::optional<Result<std::int64_t>>& out) -> runtime::Task<> {
        out = co_await on.rewrap(std::move(keys));
    };
    impl.finish(*impl.loops[0], keep(impl, masters.copy(), count));
    if (*count) impl.data->masters = std::move(masters);
    return std::move(*count);
}

std::string Node::address() const {
    return text_of(impl_->lanes[0]->local());
}
runtime::Loop& Node::first_loop() {
    return *impl_->loops[0];
}
store::Writer& Node::writer() {
    return *impl_->writer;
}
std::string Node::public_url() const {
    return impl_->shared->public_url;
}

}  // namespace blotter::server
