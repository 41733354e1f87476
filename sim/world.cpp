#include "world.hpp"

#include "base/invariant.hpp"

namespace blotter::sim {
namespace {

constexpr std::int64_t start_ms = 1'767'225'600'000;  // 2026-01-01

config::Configuration configure(const Plan& plan) {
    config::Sources sources;
    // 32 bytes that protect nothing.
    sources.environment["BLOTTER_KEYS_MASTER"] = "c2ltdWxhdGVkIG1hc3RlciBrZXksIDMyIGJ5dGVzISE=";
    const auto flag = [&sources](std::string_view name, const auto& value) {
        sources.flags.push_back(fmt::format("--{}={}", name, value));
    };
    flag("listen.address", "45.32.0.1:443");
    flag("listen.public_url", "https://blotter.example");
    flag("threads.loops", "1");
    flag("data.directory", "/data");
    flag("store.page_cache_bytes", "1MiB");
    flag("store.queue_ops_max", plan.writer_queue_max);
    flag("delivery.queue_max", plan.delivery_queue_max);
    flag("delivery.in_flight_max", plan.in_flight_max);
    flag("delivery.workspace_in_flight_max", std::min(plan.in_flight_max, 200U));
    flag("api.requests_per_second", 100'000);
    flag("api.requests_burst", 100'000);
    // The program is one of many hours here: what nobody asked for may wait.
    flag("slack.recheck_interval", "1h");
    flag("ledger.checkpoint_interval", fmt::format("{}s", plan.checkpoint_interval.count()));
    auto loaded = config::load(sources);
    if (!loaded) fmt::print(stderr, "{}\n", describe(loaded.error()));
    INVARIANT(loaded.has_value());
    return std::move(*loaded);
}

}  // namespace

World::World(const PlanOptions& options, std::FILE* trace_out)
    : plan(draw_plan(options, from_ms(start_ms))),
      dice(Dice{options.seed}.stream(3)),
      clock(from_ms(start_ms)),
      begun(clock.mono()),
      trace(clock),
      faults(Dice{options.seed}.stream(4)),
      vfs("simulated", faults),
      disk(Dice{options.seed}.stream(5)),
      configuration(configure(plan)),
      moods(plan.destinations.size(), Mood::fine) {
    trace.show_on(trace_out);
    history.events.resize(plan.events.size());
    for (std::uint32_t i = 0; i < plan.events.size(); ++i)
        events_by_id_.emplace(plan.events[i].id.text(), i);
    for (const TimedStep& one : plan.steps) agenda.emplace(begun + one.at, one.step);
}

void World::blame(std::string promise, std::string what) {
    trace.line("VIOLATION {} {}", promise, what);
    if (!violation) violation = Violation{std::move(promise), std::move(what)};
}

std::optional<std::uint32_t> World::event_of(std::string_view id) const {
    const auto found = events_by_id_.find(id);
    if (found == events_by_id_.end()) return std::nullopt;
    return found->second;
}

}  // namespace blotter::sim
