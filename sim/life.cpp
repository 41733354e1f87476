#include "life.hpp"

#include "runtime/start.hpp"

namespace blotter::sim {

using namespace std::chrono_literals;

namespace {

/// The process died while it was stopping.
struct Interrupted {};

}  // namespace

Life::Life(World& world, std::uint64_t number)
    : world_(world),
      platform_({world.clock, world.disk, world.vfs.name(),
                 static_cast<std::uint32_t>(world.plan.destinations.size())},
                world.dice.stream(1'000 + number)),
      sink_(world.trace),
      log_({observe::Level::info, observe::Format::json}, sink_,
           [&clock = world.clock] { return clock.wall(); }),
      dice_(world.dice.stream(2'000 + number)) {}

Result<> Life::start() {
    server::Node::Options options{world_.configuration.settings(), log_, "0.0.0", platform_};
    options.on_broken = [this] { broken_ = true; };
    options.step = [this] {
        const std::uint64_t ends = world_.vfs.ends();
        step(world_.clock.mono() + 1s);
        if (broken_ || world_.vfs.ends() != ends) throw Interrupted{};
    };
    TRY(node_, server::Node::open(std::move(options)));
    receivers_ = std::make_unique<Receivers>(world_, platform_, node_->first_loop());
    clients_ = std::make_unique<Clients>(world_, platform_, node_->first_loop());
    CHECK(receivers_->start());
    CHECK(node_->start());
    running_ = true;
    return {};
}

void Life::spawn(runtime::Task<> task) {
    runtime::start(node_->first_loop().executor(), std::move(task));
}

/// The writer's thread: it takes what has come and needs a while for it.
bool Life::commit() {
    const MonoTime now = world_.clock.mono();
    if (!commit_at_ && node_->writer().figures().queued > 0)
        commit_at_ = now + std::chrono::microseconds{dice_.between(50, 20'000)};
    if (!commit_at_ || *commit_at_ > now) return false;
    commit_at_.reset();
    node_->writer().drain();
    rest_at_ = now + 5s;
    return true;
}

/// P10: the writer's queue never passes its bound.
void Life::watch_queue() {
    const std::size_t queued = node_->writer().figures().queued;
    if (queued > world_.plan.writer_queue_max)
        world_.blame("P10", fmt::format("{} jobs wait for the writer, {} may", queued,
                                        world_.plan.writer_queue_max));
}

void Life::run_ready() {
    const std::uint64_t ends = world_.vfs.ends();
    for (;;) {
        bool any = node_->first_loop().poll() > 0;
        any = platform_.do_work() || any;
        watch_queue();
        any = commit() || any;
        // The power went in the middle of it: nothing runs any more.
        if (world_.vfs.ends() != ends) return;
        if (!any) return;
    }
}

void Life::step(MonoTime until) {
    const std::uint64_t ends = world_.vfs.ends();
    run_ready();
    if (world_.vfs.ends() != ends) return;
    const MonoTime now = world_.clock.mono();
    if (rest_at_ && *rest_at_ <= now && !commit_at_) {
        node_->writer().rest();
        rest_at_.reset();
    }
    MonoTime next = until;
    const auto sooner = [&next](std::optional<MonoTime> at) {
        if (at && *at < next) next = *at;
    };
    sooner(node_->first_loop().timers().next());
    sooner(platform_.next_work());
    sooner(commit_at_);
    if (!commit_at_) sooner(rest_at_);
    if (next > now) world_.clock.advance(next - now);
}

bool Life::stop() {
    running_ = false;
    try {
        node_->stop();
    } catch (const Interrupted&) {
        return false;
    }
    return true;
}

}  // namespace blotter::sim
