#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <vector>

#include <gtest/gtest.h>

#include "delivery/dispatcher.hpp"
#include "delivery/test_support.hpp"

namespace blotter::delivery {

inline constexpr ThrottleConfig unlimited{.per_second_max = 100'000, .burst_max = 100'000};

inline DestinationConfig config(std::uint64_t workspace, std::uint32_t concurrency = 8) {
    return {.workspace = workspace,
            .concurrency_max = concurrency,
            .throttle = unlimited,
            .queue_max = 1'000'000};
}

/// A dispatcher with receivers on virtual time: each start ends after the time and with the outcome
/// that its destination's script says.
class World {
  public:
    struct Receiver {
        std::chrono::nanoseconds takes = std::chrono::milliseconds{20};
        OutcomeKind answers = OutcomeKind::success;
        Settled settled = Settled::final;
    };
    struct Running {
        MonoTime ends;
        std::uint64_t serial = 0;
        Start start;
        bool operator>(const Running& other) const {
            return ends != other.ends ? ends > other.ends : serial > other.serial;
        }
    };

    explicit World(DispatcherLimits limits = {}) : dispatcher(limits, mono({})) {}

    Slot add(const DestinationConfig& with,
             const Receiver& receiver = {std::chrono::milliseconds{20}, OutcomeKind::success,
                                         Settled::final}) {
        const Slot slot = dispatcher.add_destination(with, now);
        receivers[slot.index] = receiver;
        return slot;
    }
    Ref make(Slot slot, std::uint64_t key = 0) {
        return {.delivery = ++rows, .order_key = key, .destination = slot};
    }
    void fresh(Slot slot, int count = 1) {
        for (int i = 0; i < count; ++i)
            ASSERT_EQ(dispatcher.enqueue_fresh(make(slot), now), Enqueued::queued);
    }
    void due(Slot slot, int count = 1) {
        for (int i = 0; i < count; ++i)
            ASSERT_EQ(dispatcher.enqueue_due(make(slot), now), Enqueued::queued);
    }
    /// Starts what may start, ends what ends, until `until` or until nothing happens any more.
    void run(MonoTime until) {
        while (now <= until) {
            while (const auto started = dispatcher.next(now)) begin(*started);
            std::optional<MonoTime> at = dispatcher.next_wakeup(now);
            if (!running.empty()) at = std::min(at.value_or(MonoTime::max()), running.top().ends);
            if (!at || *at > until) break;
            ASSERT_GE(*at, now);
            if (*at == now && (running.empty() || running.top().ends > now)) {
                // A wake-up in the present would be a busy loop.
                ASSERT_LT(++idle_wakes, 1'000'000);
            }
            now = *at;
            while (!running.empty() && running.top().ends <= now) end_first();
        }
        now = std::max(now, until);
    }
    void begin(const Start& start) {
        const int index = start.ref.destination.index;
        starts.push_back(start);
        in_flight[index] += 1;
        peak[index] = std::max(peak[index], in_flight[index]);
        running.push({now + receivers[index].takes, ++serial, start});
    }
    void end_first() {
        const Start start = running.top().start;
        running.pop();
        const int index = start.ref.destination.index;
        in_flight[index] -= 1;
        ended[index] += 1;
        const Receiver& receiver = receivers[index];
        dispatcher.finished(start, {.kind = receiver.answers, .settled = receiver.settled}, now);
    }
    std::size_t starts_of(Slot slot) const {
        return static_cast<std::size_t>(std::ranges::count_if(
            starts, [&](const Start& s) { return s.ref.destination == slot; }));
    }

    Dispatcher dispatcher;
    MonoTime now = mono({});
    std::map<int, Receiver> receivers;
    std::map<int, int> in_flight;
    std::map<int, int> peak;
    std::map<int, int> ended;
    std::vector<Start> starts;
    std::priority_queue<Running, std::vector<Running>, std::greater<>> running;
    std::int64_t rows = 0;
    std::uint64_t serial = 0;
    int idle_wakes = 0;
};

}  // namespace blotter::delivery
