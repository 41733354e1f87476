#include <chrono>
#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "campaign.hpp"

namespace {

using namespace blotter::sim;

volatile std::sig_atomic_t interrupted = 0;

struct Sums {
    std::uint64_t seeds = 0;
    std::uint64_t bad = 0;
    std::uint64_t events = 0;
    std::uint64_t attempts = 0;
    std::uint64_t ends = 0;
    std::uint64_t looks = 0;

    void add(const Outcome& outcome) {
        ++seeds;
        bad += outcome.good() ? 0 : 1;
        events += outcome.events;
        attempts += outcome.attempts;
        ends += outcome.ends;
        looks += outcome.looks;
    }
};

void tell(const Outcome& outcome) {
    fmt::print(
        "seed {:>6}  hash {:016x}  {:>4} events {:>5} attempts {:>3} process ends {:>3} looks "
        "{:>3} refusals {:>2} checkpoints  {}\n",
        outcome.seed, outcome.hash, outcome.events, outcome.attempts, outcome.ends, outcome.looks,
        outcome.refused, outcome.checkpoints,
        outcome.good() ? "kept" : fmt::format("{} BROKEN: {}", outcome.promise, outcome.what));
    std::fflush(stdout);
}

int replay(std::uint64_t seed, const Campaign& campaign) {
    RunOptions options{{seed, campaign.days, campaign.faults}, campaign.control, stdout};
    const Outcome outcome = run_apart(options);
    tell(outcome);
    return outcome.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Runs Blotter on a virtual clock with simulated disks, networks and crashes, and "
        "checks its promises. A seed repeats a run exactly."};
    Campaign campaign;
    std::uint64_t trace = 0;
    bool quiet = false;
    bool lose_syncs = false;
    bool no_faults = false;
    app.add_option("--seeds", campaign.seeds, "how many; 0: until Ctrl-C");
    app.add_option("--from", campaign.from, "the first seed");
    app.add_option("--days", campaign.days, "virtual days of each seed, at least 7");
    app.add_option("--at-once", campaign.at_once, "runs at the same time");
    app.add_option("--trace", trace, "runs this one seed and prints all that happens in it");
    app.add_flag("--quiet", quiet, "only broken seeds and the sums");
    app.add_flag("--no-faults", no_faults, "no crashes, no failing disk, no orders of people");
    app.add_flag("--lose-syncs", lose_syncs,
                 "control: commits are not synced, which must be found out");
    CLI11_PARSE(app, argc, argv);
    campaign.faults = !no_faults;
    campaign.days = std::max(campaign.days, 7U);
    if (lose_syncs) campaign.control = Control::lost_syncs;
    if (trace != 0) return replay(trace, campaign);

    std::signal(SIGINT, [](int) { interrupted = 1; });
    const auto begun = std::chrono::steady_clock::now();
    Sums sums;
    run_campaign(campaign, [&](const Outcome& outcome) {
        sums.add(outcome);
        if (!quiet || !outcome.good()) tell(outcome);
        return interrupted == 0;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    fmt::print(
        "{} seeds of {} days ({:.1f} years) in {:.1f} s: {} events, {} attempts, {} process "
        "ends, {} looks; {} broken\n",
        sums.seeds, campaign.days, static_cast<double>(sums.seeds) * campaign.days / 365.25,
        took.count(), sums.events, sums.attempts, sums.ends, sums.looks, sums.bad);
    if (sums.bad != 0)
        fmt::print("repeat one with: ./dev sim --trace SEED --days {}\n", campaign.days);
    return sums.bad == 0 ? 0 : 1;
}
