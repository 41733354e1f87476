#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "delivery/dispatcher.hpp"
#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

/// What a dispatcher must look like from outside, in the plainest possible terms.
class Model {
  public:
    explicit Model(std::uint64_t seed) : random_(seed), dispatcher_(limits, mono(0s)) {
        for (std::uint64_t workspace = 0; workspace < 5; ++workspace)
            dispatcher_.set_workspace(workspace,
                                      {.weight = static_cast<std::uint32_t>(1 + random_.below(4)),
                                       .in_flight_max = workspace_max(workspace)});
        for (int i = 0; i < 40; ++i) add();
    }

    void operate() {
        now_ += std::chrono::nanoseconds{random_.below(2'000'000)};
        const std::uint64_t what = random_.below(1'000);
        if (what < 350) {
            enqueue(random_.below(2) == 0 ? Lane::fresh : Lane::late);
        } else if (what < 650) {
            start();
        } else if (what < 950) {
            finish(random_.below(std::max<std::size_t>(running_.size(), 1)));
        } else if (what < 960) {
            now_ += std::chrono::milliseconds{random_.below(5'000)};
        } else if (what < 980) {
            change();
        } else if (what < 990) {
            stop_or_resume();
        } else if (what < 993) {
            replace();
        } else {
            check_counts();
        }
    }
    /// Faults off: everything that waits must start and end.
    void drain() {
        for (Destination& each : destinations_) {
            each.sick = false;
            if (!each.stopped) continue;
            dispatcher_.resume(each.slot, now_);
            each.stopped = false;
        }
        for (int i = 0; i < 5'000'000 && (!waiting_.empty() || !running_.empty()); ++i) {
            if (start()) continue;
            if (!running_.empty()) {
                finish(0);
                now_ += 1ms;
                continue;
            }
            const auto wake = dispatcher_.next_wakeup(now_);
            ASSERT_TRUE(wake) << waiting_.size() << " wait and nothing will wake them";
            now_ = std::max(now_, *wake);
        }
        EXPECT_TRUE(waiting_.empty());
        check_counts();
    }
    std::size_t starts() const { return starts_; }

  private:
    static constexpr DispatcherLimits limits{
        .shared_slots = 40, .slow_slots = 10, .queued_max = 2'000};
    struct Destination {
        Slot slot;
        DestinationConfig config;
        bool stopped = false;
        bool sick = false;
        std::uint32_t in_flight = 0;
    };

    static std::uint32_t workspace_max(std::uint64_t key) {
        return static_cast<std::uint32_t>(5 + key * 5);
    }
    DestinationConfig draw_config() {
        return {.workspace = random_.below(5),
                .weight = static_cast<std::uint32_t>(1 + random_.below(3)),
                .concurrency_max = static_cast<std::uint32_t>(1 + random_.below(10)),
                .throttle = {.per_second_max = static_cast<std::uint32_t>(1 + random_.below(2'000)),
                             .burst_max = static_cast<std::uint32_t>(1 + random_.below(100))},
                .queue_max = static_cast<std::uint32_t>(1 + random_.below(100))};
    }
    Destination& any() { return destinations_[random_.below(destinations_.size())]; }
    void add() {
        const DestinationConfig config = draw_config();
        destinations_.push_back({.slot = dispatcher_.add_destination(config, now_),
                                 .config = config,
                                 .sick = random_.below(5) == 0});
    }
    Destination* find(Slot slot) {
        const auto at = std::ranges::find(destinations_, slot, &Destination::slot);
        return at == destinations_.end() ? nullptr : &*at;
    }

    void enqueue(Lane lane) {
        const Destination& to = any();
        const Ref ref{.delivery = ++rows_, .destination = to.slot};
        const Enqueued answer = lane == Lane::fresh ? dispatcher_.enqueue_fresh(ref, now_)
                                                    : dispatcher_.enqueue_due(ref, now_);
        ASSERT_EQ(answer == Enqueued::stopped, to.stopped);
        ASSERT_NE(answer, Enqueued::unknown);
        if (answer == Enqueued::queued) waiting_.emplace(ref.delivery, lane);
        ASSERT_LE(waiting_.size(), limits.queued_max);
    }

    bool start() {
        const auto started = dispatcher_.next(now_);
        if (!started) {
            if (random_.below(50) == 0) check_nothing_could_start();
            return false;
        }
        ++starts_;
        EXPECT_EQ(started->at, now_);
        const auto waiting = waiting_.find(started->ref.delivery);
        EXPECT_NE(waiting, waiting_.end()) << "started twice or never enqueued";
        if (waiting == waiting_.end()) return false;
        EXPECT_EQ(waiting->second, started->lane);
        waiting_.erase(waiting);
        Destination* to = find(started->ref.destination);
        EXPECT_NE(to, nullptr);
        if (to == nullptr) return false;
        EXPECT_FALSE(to->stopped);
        to->in_flight += 1;
        // Limits may be lowered while more is under way; then nothing new starts.
        EXPECT_LE(to->in_flight, to->config.concurrency_max);
        const std::uint32_t in_workspace = ++workspace_in_flight_[to->config.workspace];
        EXPECT_LE(in_workspace, workspace_max(to->config.workspace));
        running_.push_back({*started, to->config.workspace});
        EXPECT_LE(running_.size(), limits.shared_slots + limits.slow_slots);
        return true;
    }

    void finish(std::size_t which) {
        if (running_.empty()) return;
        const auto [started, workspace] = running_[which];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
        workspace_in_flight_[workspace] -= 1;
        Destination* from = find(started.ref.destination);
        constexpr OutcomeKind bad[] = {OutcomeKind::unreachable, OutcomeKind::no_answer,
                                       OutcomeKind::overloaded,  OutcomeKind::server_error,
                                       OutcomeKind::throttled,   OutcomeKind::refused,
                                       OutcomeKind::not_sent};
        End end{.kind = OutcomeKind::success};
        if (from != nullptr) {
            from->in_flight -= 1;
            const bool fails = from->sick && random_.below(4) != 0;
            if (fails || random_.below(100) == 0) end.kind = bad[random_.below(std::size(bad))];
            if (fails && random_.below(20) == 0)
                end.retry_after = Duration{static_cast<std::int64_t>(random_.below(20'000))};
        }
        dispatcher_.finished(started, end, now_);
    }

    void change() {
        Destination& to = any();
        if (random_.below(2) == 0) to.sick = !to.sick;
        DestinationConfig config = draw_config();
        config.workspace = to.config.workspace;
        to.config = config;
        dispatcher_.update(to.slot, config, now_);
    }
    void take_out(const std::vector<Ref>& refs, Slot slot) {
        for (const Ref& ref : refs) {
            ASSERT_EQ(ref.destination, slot);
            ASSERT_EQ(waiting_.erase(ref.delivery), 1U);
        }
    }
    void stop_or_resume() {
        Destination& to = any();
        if (to.stopped) {
            dispatcher_.resume(to.slot, now_);
        } else {
            take_out(dispatcher_.stop(to.slot, now_), to.slot);
        }
        to.stopped = !to.stopped;
    }
    void replace() {
        const std::size_t which = random_.below(destinations_.size());
        const Slot slot = destinations_[which].slot;
        take_out(dispatcher_.remove(slot, now_), slot);
        destinations_.erase(destinations_.begin() + static_cast<std::ptrdiff_t>(which));
        ASSERT_EQ(dispatcher_.enqueue_fresh({.delivery = 1, .destination = slot}, now_),
                  Enqueued::unknown);
        add();
    }

    void check_counts() {
        ASSERT_EQ(dispatcher_.queued(), waiting_.size());
        ASSERT_EQ(dispatcher_.in_flight(), running_.size());
        std::size_t waiting = 0;
        for (const Destination& each : destinations_) {
            const auto view = dispatcher_.view(each.slot, now_);
            ASSERT_TRUE(view);
            ASSERT_EQ(view->in_flight, each.in_flight);
            ASSERT_LE(view->rate_millihertz, 1'000ULL * each.config.throttle.per_second_max);
            waiting += view->fresh + view->late;
        }
        ASSERT_EQ(waiting, waiting_.size());
    }
    /// Work conserving: `next` says no only when a look at every destination says no as well.
    void check_nothing_could_start() {
        const bool shared_full = running_.size() >= limits.shared_slots;
        for (const Destination& each : destinations_) {
            const auto view = dispatcher_.view(each.slot, now_);
            ASSERT_TRUE(view);
            const bool could = view->fresh + view->late > 0 && !view->stopped &&
                               view->ready_at <= now_ && view->in_flight < view->in_flight_max &&
                               workspace_in_flight_[each.config.workspace] <
                                   workspace_max(each.config.workspace) &&
                               !view->slow && !shared_full;
            ASSERT_FALSE(could) << "destination " << each.slot.index;
        }
    }

    SeededRandom random_;
    Dispatcher dispatcher_;
    MonoTime now_ = mono(0s);
    std::vector<Destination> destinations_;
    std::map<std::int64_t, Lane> waiting_;
    std::vector<std::pair<Start, std::uint64_t>> running_;
    std::map<std::uint64_t, std::uint32_t> workspace_in_flight_;
    std::int64_t rows_ = 0;
    std::size_t starts_ = 0;
};

TEST(DispatcherModel, agrees_with_a_plain_model_over_a_million_operations) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        Model model{seed};
        for (int i = 0; i < 100'000; ++i) {
            model.operate();
            if (testing::Test::HasFailure()) return;
        }
        EXPECT_GT(model.starts(), 10'000U);
        model.drain();
        if (testing::Test::HasFailure()) return;
    }
}

TEST(DispatcherModel, makes_the_same_starts_for_the_same_calls) {
    std::vector<std::vector<std::int64_t>> traces;
    for (int run = 0; run < 2; ++run) {
        SeededRandom random{77};
        Dispatcher dispatcher{{}, mono(0s)};
        std::vector<Slot> slots;
        for (std::uint64_t i = 0; i < 50; ++i)
            slots.push_back(dispatcher.add_destination({.workspace = i % 7}, mono(0s)));
        std::vector<Start> running;
        std::vector<std::int64_t> trace;
        MonoTime now = mono(0s);
        for (std::int64_t i = 1; i < 20'000; ++i) {
            now += std::chrono::nanoseconds{random.below(3'000'000)};
            dispatcher.enqueue_fresh({.delivery = i, .destination = slots[random.below(50)]}, now);
            while (const auto start = dispatcher.next(now)) {
                trace.push_back(start->ref.delivery);
                running.push_back(*start);
            }
            if (running.empty()) continue;
            const auto kind =
                random.below(10) == 0 ? OutcomeKind::overloaded : OutcomeKind::success;
            dispatcher.finished(running.back(), {.kind = kind}, now);
            running.pop_back();
        }
        traces.push_back(std::move(trace));
    }
    EXPECT_EQ(traces[0], traces[1]);
    EXPECT_GT(traces[0].size(), 1'000U);
}

}  // namespace
}  // namespace blotter::delivery
