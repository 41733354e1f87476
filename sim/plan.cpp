#include "plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::sim {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr std::array<std::string_view, 15> mood_names{
    "fine",      "slow", "late",        "failing",  "refusing", "gone",   "busy",    "hanging",
    "resetting", "half", "redirecting", "babbling", "closed",   "silent", "nameless"};

constexpr std::array<std::string_view, 20> deed_names{
    "submit",     "mood",    "pause",      "disable",   "resume",      "rotate",    "replay",
    "replay_all", "cancel",  "checkpoint", "inspect",   "end_process", "cut_power", "cut_in_write",
    "fail_sync",  "fail_io", "fill_disk",  "free_disk", "restart",     "jump_clock"};

constexpr std::array<std::string_view, 8> event_types{
    "envelope.created",   "envelope.sent",   "envelope.delivered",  "envelope.voided",
    "document.validated", "document.posted", "document.dispatched", "envelope.corrected"};

/// The published one, from the user's page: 0, 5 min, 35 min, 2 h 35, 26 h 35, 50 h 35, 72 h.
std::vector<Duration> published_schedule() {
    return {0min, 5min, 35min, 155min, 1595min, 3035min, 4320min};
}

DestinationPlan draw_destination(Dice& dice) {
    DestinationPlan out;
    if (dice.chance(50))
        for (const std::string_view type : event_types)
            if (dice.chance(60)) out.types.emplace_back(type);
    out.schedule = published_schedule();
    if (dice.chance(30)) {
        out.own_schedule = true;
        out.schedule = {0s};
        const auto count = dice.between(1, 8);
        for (std::int64_t i = 0; i < count; ++i)
            out.schedule.push_back(out.schedule.back() +
                                   Duration{dice.between(10'000, 6 * 3'600'000)});
    }
    out.concurrency = static_cast<unsigned>(dice.between(1, 10));
    if (dice.chance(20)) out.rate = static_cast<unsigned>(dice.between(1, 5));
    out.ordered = dice.chance(30);
    out.timeout = Duration{dice.between(15, 30) * 1'000};
    out.latency = std::chrono::microseconds{dice.between(50, 40'000)};
    return out;
}

EventPlan draw_event(Dice& dice, Timestamp at, std::uint32_t number) {
    EventPlan out;
    std::array<std::uint8_t, 10> random;
    for (std::uint8_t& byte : random) byte = static_cast<std::uint8_t>(dice.next());
    out.id = EventId{make_uuid7(at, random)};
    out.type = event_types[dice.below(event_types.size())];
    const bool document = out.type.starts_with("document.");
    const std::string subject =
        document ? fmt::format(R"("document":{{"number":"INV-{}","total":"{}.50"}})", number,
                               dice.below(10'000))
                 : fmt::format(R"("envelope":{{"id":"case-{}"}})", dice.below(12));
    out.body =
        fmt::format(R"({{"type":"{}","id":"{}","data":{{{}}}}})", out.type, out.id.text(), subject);
    return out;
}

Mood draw_mood(Dice& dice) {
    if (dice.chance(55)) return Mood::fine;
    if (dice.chance(3)) return Mood::gone;
    const auto mood = static_cast<Mood>(dice.below(mood_names.size()));
    return mood == Mood::gone ? Mood::failing : mood;
}

class Drawing {
  public:
    Drawing(Plan& plan, Dice dice) : plan_(plan), dice_(dice) {}

    void moods(std::uint32_t destination) {
        for (nanoseconds at = 0ns; at < plan_.calm; at += dice_.span(30s, 3 * 24h))
            add(at, {Deed::mood, destination, draw_mood(dice_)});
        add(plan_.calm, {Deed::mood, destination, Mood::fine});
        add(plan_.calm + 1min, {Deed::resume, destination});
        // Somebody disabled it in the last moment, or a crash swallowed the order.
        add(plan_.calm + 2h, {Deed::resume, destination});
    }
    void events(Timestamp start) {
        while (plan_.events.size() < 250) {
            const nanoseconds at = moment();
            const auto count = dice_.chance(10) ? dice_.between(10, 60) : dice_.between(1, 4);
            for (std::int64_t i = 0; i < count; ++i) {
                const auto number = static_cast<std::uint32_t>(plan_.events.size());
                const auto when = start + std::chrono::floor<Duration>(at);
                plan_.events.push_back(draw_event(dice_, when, number));
                add(at + std::chrono::milliseconds{dice_.between(0, 200)}, {Deed::submit, number});
            }
        }
    }
    void orders() {
        constexpr std::array deeds{Deed::pause,  Deed::disable,    Deed::resume, Deed::resume,
                                   Deed::rotate, Deed::replay,     Deed::replay, Deed::cancel,
                                   Deed::pause,  Deed::replay_all, Deed::resume};
        for (std::int64_t left = dice_.between(5, 40); left > 0; --left)
            add(moment(), {deeds[dice_.below(deeds.size())], any_destination()});
    }
    void looks() {
        for (nanoseconds at = 1h; at < plan_.end; at += dice_.span(2h, 24h))
            add(at, {dice_.chance(50) ? Deed::inspect : Deed::checkpoint});
    }
    void faults() {
        constexpr std::array deeds{Deed::end_process,  Deed::end_process,  Deed::cut_power,
                                   Deed::cut_in_write, Deed::cut_in_write, Deed::cut_in_write,
                                   Deed::fail_sync,    Deed::fail_io,      Deed::fill_disk,
                                   Deed::restart,      Deed::jump_clock};
        for (std::int64_t left = dice_.between(3, 25); left > 0; --left) {
            const Deed deed = deeds[dice_.below(deeds.size())];
            // Many of them while something is going on.
            nanoseconds at = moment();
            if (dice_.chance(60)) at = busy_moment();
            Step step{deed};
            if (deed == Deed::jump_clock)
                step.jump = std::chrono::floor<Duration>(dice_.span(100ms, 6h)) *
                            (dice_.chance(50) ? 1 : -1);
            add(at, step);
            if (deed == Deed::fill_disk) add(at + dice_.span(1s, 8h), {Deed::free_disk});
        }
        add(plan_.calm, {Deed::free_disk});
    }

  private:
    void add(nanoseconds at, Step step) { plan_.steps.push_back({at, step}); }
    nanoseconds moment() { return nanoseconds{dice_.between(0, (plan_.calm - 1h).count())}; }
    nanoseconds busy_moment() {
        const auto submitted = [](const TimedStep& one) { return one.step.what == Deed::submit; };
        for (;;) {
            const TimedStep& one = plan_.steps[dice_.below(plan_.steps.size())];
            if (submitted(one)) return one.at + dice_.span(1ms, 2s);
        }
    }
    std::uint32_t any_destination() {
        return static_cast<std::uint32_t>(dice_.below(plan_.destinations.size()));
    }

    Plan& plan_;
    Dice dice_;
};

}  // namespace

std::string_view to_text(Mood mood) {
    return mood_names[static_cast<std::size_t>(mood)];
}
std::string_view to_text(Deed deed) {
    return deed_names[static_cast<std::size_t>(deed)];
}

bool must_come_about(Deed deed) {
    // A new secret that was made, and whose answer was lost or failed, will sign alone once the
    // overlap is over.
    return deed == Deed::submit || deed == Deed::resume || deed == Deed::rotate;
}

bool DestinationPlan::wants(std::string_view type) const {
    return types.empty() || std::ranges::find(types, type) != types.end();
}

Plan draw_plan(const PlanOptions& options, Timestamp start) {
    Plan out;
    const Dice dice{options.seed};
    Dice shape = dice.stream(1);
    out.end = options.days * 24h;
    // The longest window is 72 h, held ones begin theirs when they are let go.
    out.calm = out.end - 5 * 24h;
    out.writer_queue_max = shape.chance(30) ? 100 : 10'000;
    out.delivery_queue_max = shape.chance(30) ? 100 : 100'000;
    out.in_flight_max = shape.chance(30) ? 8 : 1'000;
    out.checkpoint_interval = std::chrono::floor<std::chrono::seconds>(shape.span(1min, 1h));
    for (auto left = shape.between(2, 6); left > 0; --left)
        out.destinations.push_back(draw_destination(shape));
    Drawing drawing{out, dice.stream(2)};
    for (std::uint32_t i = 0; i < out.destinations.size(); ++i) drawing.moods(i);
    drawing.events(start);
    drawing.looks();
    if (options.faults) {
        drawing.orders();
        drawing.faults();
    }
    return out;
}

}  // namespace blotter::sim
