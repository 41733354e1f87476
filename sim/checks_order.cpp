#include "checks.hpp"

namespace blotter::sim {
namespace {

using namespace std::chrono_literals;

/// What was under way when a process ended may still arrive.
constexpr auto under_way_max = 30s;

std::string_view envelope_of(std::string_view body) {
    const std::size_t at = body.find("case-");
    return at == body.npos ? "" : body.substr(at, body.find('"', at) - at);
}

}  // namespace

/// A destination that wants order gets the events of an envelope one after the other, as they were
/// accepted. After a crash it may get again what the process had not written down yet, so each life
/// of a process is looked at by itself.
void Checks::check_order(const Indexed& indexed) {
    std::map<std::uint32_t, std::int64_t> accepted;
    for (const auto& [seq, event] : indexed.events) accepted[event] = seq;
    struct Newest {
        std::int64_t seq = 0;
        std::size_t life = 0;
    };
    std::map<std::pair<std::uint32_t, std::string_view>, Newest> newest;
    const std::vector<ProcessEnd>& ends = world_.history.ends;
    std::size_t life = 0;
    for (const Arrival& arrival : world_.history.arrivals) {
        while (life < ends.size() && ends[life].at <= arrival.at) ++life;
        const auto seq = accepted.find(arrival.event);
        const std::string_view envelope = envelope_of(world_.plan.events[arrival.event].body);
        const bool asked_for =
            world_.history.replays.contains({arrival.destination, arrival.event});
        const bool left_over = life > 0 && arrival.at < ends[life - 1].at + under_way_max;
        if (!world_.plan.destinations[arrival.destination].ordered || envelope.empty() ||
            asked_for || left_over || seq == accepted.end())
            continue;
        Newest& before = newest[{arrival.destination, envelope}];
        if (before.life != life) before = {0, life};
        if (seq->second < before.seq)
            world_.blame("order", fmt::format("destination {} got event {} of {} after a later one",
                                              arrival.destination, arrival.event, envelope));
        before.seq = std::max(before.seq, seq->second);
    }
}

}  // namespace blotter::sim
