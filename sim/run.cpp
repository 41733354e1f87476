#include "run.hpp"

#include <algorithm>
#include <cstring>

#include <sqlite3.h>

#include "base/invariant.hpp"

namespace blotter::sim {

using namespace std::chrono_literals;

Run::Run(const RunOptions& options)
    : options_(options),
      world_(options.plan, options.trace_out),
      checks_(world_),
      dice_(Dice{options.plan.seed}.stream(6)) {
    // The log's salts are drawn by SQLite itself.
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(options.plan.seed), nullptr);
    if (options.control == Control::lost_syncs) world_.faults.lie_about_syncs();
}

/// A new process: it recovers, or it ends and somebody tries again.
void Run::begin() {
    begin_at_.reset();
    const std::uint64_t ends = world_.vfs.ends();
    life_ = new Life{world_, ++lives_};  // NOLINT: what crashes is not cleaned up
    const Result<> started = life_->start();
    world_.trace.line("process {} {}", lives_, started ? "started" : describe(started.error()));
    if (!started || life_->broken() || world_.vfs.ends() != ends) {
        // It cannot start on a full disk, and says so; whoever watches over it tries again.
        const bool no_room =
            !started && started.error().code == Errc::storage_full && world_.faults.is_full();
        const bool innocent = world_.faults.hits() > 0 || options_.control != Control::none;
        // No trouble of the disk lasts that long: what is there cannot be opened any more.
        if (!started && !no_room && (!innocent || ++failed_starts_ == failed_starts_max))
            world_.blame("start", describe(started.error()));
        end_life("did not start");
        return;
    }
    failed_starts_ = 0;
    // Whom it answered before it died, nobody knows.
    for (std::uint32_t i = 0; i < world_.history.events.size(); ++i)
        if (std::exchange(world_.history.events[i].asking, false))
            world_.agenda.emplace(world_.clock.mono() + dice_.span(1s, 10min),
                                  Step{Deed::submit, i});
    for (const Step& step : std::exchange(world_.awaited, {}))
        world_.agenda.emplace(world_.clock.mono() + dice_.span(1s, 10min), step);
    if (!world_.workspace.empty()) look();
}

void Run::end_life(std::string why) {
    world_.trace.line("process {} ended: {}", lives_, why);
    world_.history.ends.push_back({world_.clock.mono(), std::move(why)});
    world_.faults.disarm();
    world_.vfs.end_process();
    life_ = nullptr;
    ending_at_.reset();
    const auto down = dice_.span(100ms, world_.calm() ? 1s : 2h);
    world_.history.down += std::chrono::ceil<Duration>(down);
    begin_at_ = world_.clock.mono() + down;
}

/// Reads the database as it is now and checks everything.
void Run::look() {
    if (life_ == nullptr) return;
    world_.faults.set_quiet(true);
    const auto image = read_image(world_.vfs.name(), "/data/blotter.db");
    world_.faults.set_quiet(false);
    if (!image) return world_.blame("P1", describe(image.error()));
    world_.trace.line("look: {} events, {} deliveries, {} attempts", image->events.size(),
                      image->deliveries.size(), image->attempts.size());
    if (world_.clock.mono() >= world_.begun + world_.plan.end)
        checks_.look_at_the_end(*image);
    else
        checks_.look(*image);
}

void Run::go_on(MonoTime until) {
    if (begin_at_ && *begin_at_ <= world_.clock.mono()) begin();
    if (life_ == nullptr) {
        const MonoTime next = std::min(until, begin_at_.value_or(until));
        if (next > world_.clock.mono()) world_.clock.advance(next - world_.clock.mono());
        return;
    }
    const std::uint64_t ends = world_.vfs.ends();
    life_->step(std::min(until, ending_at_.value_or(until)));
    if (world_.vfs.ends() != ends) {
        world_.disk.power_cut();
        return end_life("power cut in the middle of it");
    }
    // It has been told to end, and others do not notice at once.
    if (life_->broken() && !ending_at_)
        ending_at_ = world_.clock.mono() + std::chrono::microseconds{dice_.between(0, 5'000)};
    if (ending_at_ && *ending_at_ <= world_.clock.mono()) end_life("the store failed");
}

void Run::carry_out_on_disk(const Step& step) {
    using store::Fault;
    using store::FileOp;
    switch (step.what) {
        case Deed::cut_power:
            world_.vfs.power_cut();
            world_.disk.power_cut();
            return end_life("power cut");
        case Deed::cut_in_write:
            return world_.faults.arm({Fault::power_cut, dice_.below(60), std::nullopt});
        case Deed::fail_sync:
            return world_.faults.arm({Fault::lost_sync, dice_.below(4), FileOp::sync});
        case Deed::fail_io:
            return world_.faults.arm({dice_.chance(50) ? Fault::io_error : Fault::torn_write,
                                      dice_.below(40), FileOp::write});
        case Deed::fill_disk:
            world_.faults.set_full(DiskFaults::Full::yes);
            world_.disk.set_room(MemoryDisk::Room::none);
            world_.history.disk_full.emplace_back(world_.clock.mono(), MonoTime::max());
            return;
        default:
            world_.faults.set_full(DiskFaults::Full::no);
            world_.disk.set_room(MemoryDisk::Room::enough);
            for (auto& full : world_.history.disk_full)
                full.second = std::min(full.second, world_.clock.mono());
    }
}

void Run::carry_out(const Step& step) {
    if (step.what != Deed::submit)
        world_.trace.line("{} {} {}", to_text(step.what), step.who, to_text(step.mood));
    switch (step.what) {
        case Deed::mood:
            world_.moods[step.who] = step.mood;
            if (life_ != nullptr) life_->receivers().apply_mood(step.who);
            return;
        case Deed::jump_clock:
            world_.clock.jump_wall(step.jump);
            world_.history.jumps.push_back(world_.clock.mono());
            world_.history.jumped += step.jump < Duration{} ? -step.jump : step.jump;
            return;
        case Deed::cut_power:
        case Deed::cut_in_write:
        case Deed::fail_sync:
        case Deed::fail_io:
        case Deed::fill_disk:
        case Deed::free_disk:
            if (life_ != nullptr || step.what == Deed::free_disk) carry_out_on_disk(step);
            return;
        default:
            break;
    }
    // The rest needs somebody to talk to.
    if (life_ == nullptr) {
        if (must_come_about(step.what))
            world_.agenda.emplace(world_.clock.mono() + dice_.span(1s, 10min), step);
        return;
    }
    switch (step.what) {
        case Deed::submit:
            return life_->spawn(life_->clients().submit(step.who));
        case Deed::checkpoint:
            return life_->spawn(life_->clients().fetch_checkpoint());
        case Deed::inspect:
            return look();
        case Deed::end_process:
            return end_life("kill -9");
        case Deed::restart:
            return end_life(life_->stop() ? "stopped" : "died while stopping");
        default:
            return life_->spawn(life_->clients().order(step));
    }
}

void Run::await(const bool& done) {
    const MonoTime patience = world_.clock.mono() + 10min;
    while (!done && !world_.violation && world_.clock.mono() < patience) go_on(patience);
    if (!done && !world_.violation) world_.blame("API", "no answer within ten minutes");
}

void Run::set_up() {
    begin();
    if (life_ == nullptr) return world_.blame("start", "the first process did not start");
    const auto key = world_.disk.read_all("/data/owner.key", 1'000);
    if (!key) return world_.blame("start", describe(key.error()));
    world_.owner_key = trimmed(*key);
    life_->spawn(life_->clients().set_up());
    await(life_->clients().done);
}

/// A few events as people see them.
void Run::check_views() {
    for (std::uint32_t i = 0; i < world_.plan.events.size() && !world_.violation; i += 25) {
        life_->clients().done = false;
        life_->spawn(life_->clients().check_view(i));
        await(life_->clients().done);
    }
}

Outcome Run::run() {
    set_up();
    const MonoTime end = world_.begun + world_.plan.end;
    while (!world_.violation && world_.clock.mono() < end) {
        while (!world_.agenda.empty() && world_.agenda.begin()->first <= world_.clock.mono() &&
               !world_.violation) {
            const Step step = world_.agenda.begin()->second;
            world_.agenda.erase(world_.agenda.begin());
            carry_out(step);
        }
        go_on(world_.agenda.empty() ? end : std::min(end, world_.agenda.begin()->first));
    }
    if (!world_.violation) {
        if (life_ == nullptr) world_.blame("start", "there is no process at the end");
        look();
        if (life_ != nullptr) check_views();
    }
    return outcome();
}

Outcome Run::outcome() const {
    Outcome out;
    out.seed = options_.plan.seed;
    out.hash = world_.trace.hash();
    out.lines = world_.trace.lines();
    for (const SentEvent& event : world_.history.events) out.events += event.acknowledged ? 1 : 0;
    out.attempts = world_.history.arrivals.size();
    out.ends = world_.history.ends.size();
    out.looks = checks_.looks();
    out.refused = world_.history.refused;
    out.checkpoints = world_.history.checkpoints.size();
    if (world_.violation) {
        std::strncpy(out.promise, world_.violation->promise.c_str(), sizeof out.promise - 1);
        std::strncpy(out.what, world_.violation->what.c_str(), sizeof out.what - 1);
    }
    return out;
}

}  // namespace blotter::sim
