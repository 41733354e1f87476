#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "delivery/dispatcher.hpp"
#include "delivery/test_support.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

constexpr DestinationConfig ordered{.workspace = 1,
                                    .concurrency_max = 16,
                                    .throttle = {.per_second_max = 100'000, .burst_max = 100'000},
                                    .queue_max = 1'000,
                                    .order = Order::per_envelope};

/// A dispatcher with one ordered destination and nothing in the store yet.
struct Ordered {
    explicit Ordered(const DestinationConfig& config = ordered)
        : dispatcher({}, mono(0s)), slot(dispatcher.add_destination(config, mono(0s))) {
        load_nothing();
        prove();
    }
    /// Answers the question after a start or a resume: the store has nothing.
    void load_nothing() {
        const auto question = dispatcher.next_refill();
        ASSERT_TRUE(question);
        dispatcher.refill_done(*question, 0, Told::all);
    }
    /// One fast answer, so that all slots are open.
    void prove() {
        enqueue(0);
        end(*next(), Settled::final);
    }
    Ref make(std::uint64_t key) {
        return {.delivery = ++rows, .order_key = key, .destination = slot};
    }
    Ref enqueue(std::uint64_t key) {
        const Ref ref = make(key);
        EXPECT_EQ(dispatcher.enqueue_fresh(ref, now), Enqueued::queued);
        return ref;
    }
    std::optional<Start> next() { return dispatcher.next(now); }
    void end(const Start& start, Settled settled) {
        now += 1ms;
        const OutcomeKind kind =
            settled == Settled::final ? OutcomeKind::success : OutcomeKind::refused;
        dispatcher.finished(start, {.kind = kind, .settled = settled}, now);
    }

    Dispatcher dispatcher;
    Slot slot;
    MonoTime now = mono(0s);
    std::int64_t rows = 0;
};

TEST(DispatcherOrder, holds_successors_until_the_delivery_before_is_final) {
    Ordered world;
    const Ref first = world.enqueue(7);
    const Ref second = world.enqueue(7);
    const Ref elsewhere = world.enqueue(8);
    const auto start = world.next();
    ASSERT_TRUE(start);
    EXPECT_EQ(start->ref, first);
    // Only its own envelope waits.
    const auto other = world.next();
    ASSERT_TRUE(other);
    EXPECT_EQ(other->ref, elsewhere);
    EXPECT_FALSE(world.next());
    // It failed and is retried later: the successor still waits.
    world.end(*start, Settled::not_final);
    EXPECT_FALSE(world.next());
    EXPECT_EQ(world.dispatcher.enqueue_due(first, world.now), Enqueued::queued);
    const auto again = world.next();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->ref, first);
    EXPECT_EQ(again->lane, Lane::late);
    EXPECT_FALSE(world.next());
    world.end(*again, Settled::final);
    const auto freed = world.next();
    ASSERT_TRUE(freed);
    EXPECT_EQ(freed->ref, second);
}

TEST(DispatcherOrder, goes_on_when_the_delivery_before_ends_without_an_attempt) {
    Ordered world;
    const Ref first = world.enqueue(7);
    const Ref second = world.enqueue(7);
    const Ref third = world.enqueue(7);
    world.end(*world.next(), Settled::not_final);
    world.dispatcher.settle(second, world.now);  // cancelled while it waited
    EXPECT_FALSE(world.next());
    world.dispatcher.settle(first, world.now);  // its window is over
    const auto start = world.next();
    ASSERT_TRUE(start);
    EXPECT_EQ(start->ref, third);
}

TEST(DispatcherOrder, does_not_start_a_waiting_delivery_twice_when_it_is_handed_in_again) {
    Ordered world;
    world.enqueue(7);
    const Ref second = world.enqueue(7);
    EXPECT_EQ(world.dispatcher.enqueue_due(second, world.now), Enqueued::queued);
    world.end(*world.next(), Settled::final);
    const auto start = world.next();
    ASSERT_TRUE(start);
    EXPECT_EQ(start->ref, second);
    world.end(*start, Settled::final);
    EXPECT_FALSE(world.next());
    EXPECT_EQ(world.dispatcher.queued(), 0U);
}

TEST(DispatcherOrder, does_not_order_deliveries_without_an_envelope) {
    Ordered world;
    for (int i = 0; i < 5; ++i) world.enqueue(0);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.next());
}

TEST(DispatcherOrder, takes_nothing_fresh_until_it_has_seen_what_the_store_has) {
    Dispatcher dispatcher{{}, mono(0s)};
    const Slot slot = dispatcher.add_destination(ordered, mono(0s));
    const auto ref = [&](std::int64_t delivery, std::uint64_t key) {
        return Ref{.delivery = delivery, .order_key = key, .destination = slot};
    };
    const auto question = dispatcher.next_refill();
    ASSERT_TRUE(question);
    EXPECT_EQ(question->after, 0);
    EXPECT_FALSE(dispatcher.next_refill());
    // The store's answer: 5 waits for its retry, 6 is behind it, 7 is free.
    EXPECT_EQ(dispatcher.refill(*question, ref(5, 1), Ready::no, mono(0s)), Enqueued::queued);
    EXPECT_EQ(dispatcher.refill(*question, ref(6, 1), Ready::yes, mono(0s)), Enqueued::queued);
    EXPECT_EQ(dispatcher.refill(*question, ref(7, 2), Ready::yes, mono(0s)), Enqueued::queued);
    // Committed meanwhile, and newer than the answer.
    EXPECT_EQ(dispatcher.enqueue_fresh(ref(9, 2), mono(0s)), Enqueued::backlogged);
    dispatcher.refill_done(*question, 8, Told::all);
    EXPECT_EQ(dispatcher.enqueue_fresh(ref(10, 3), mono(0s)), Enqueued::backlogged);
    const auto rest = dispatcher.next_refill();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->after, 8);
    // An answer to the first question comes too late to be used.
    EXPECT_EQ(dispatcher.refill(*question, ref(11, 4), Ready::yes, mono(0s)), Enqueued::backlogged);
    EXPECT_EQ(dispatcher.refill(*rest, ref(9, 2), Ready::yes, mono(0s)), Enqueued::queued);
    EXPECT_EQ(dispatcher.refill(*rest, ref(10, 3), Ready::yes, mono(0s)), Enqueued::queued);
    dispatcher.refill_done(*rest, 10, Told::all);
    EXPECT_FALSE(dispatcher.next_refill());
    EXPECT_EQ(dispatcher.enqueue_fresh(ref(11, 4), mono(0s)), Enqueued::queued);

    std::vector<std::int64_t> started;
    const auto run = [&] {
        while (const auto start = dispatcher.next(mono(0s))) {
            started.push_back(start->ref.delivery);
            dispatcher.finished(*start, {.kind = OutcomeKind::success}, mono(0s));
        }
    };
    run();
    EXPECT_EQ(started, (std::vector<std::int64_t>{7, 10, 11, 9}));
    EXPECT_EQ(dispatcher.enqueue_due(ref(5, 1), mono(1s)), Enqueued::queued);
    run();
    EXPECT_EQ(started, (std::vector<std::int64_t>{7, 10, 11, 9, 5, 6}));
}

TEST(DispatcherOrder, asks_the_store_only_for_what_there_is_room_for) {
    DispatcherLimits limits;
    limits.queued_max = 64;  // an eighth of it is kept for short queues
    Dispatcher dispatcher{limits, mono(0s)};
    const Slot slot = dispatcher.add_destination(ordered, mono(0s));
    const auto question = dispatcher.next_refill();
    ASSERT_TRUE(question);
    EXPECT_EQ(question->limit, 56U);
    std::int64_t row = 0;
    const auto refill = [&](const Refill& of) {
        ++row;
        return dispatcher.refill(of, {row, static_cast<std::uint64_t>(row), slot}, Ready::yes,
                                 mono(0s));
    };
    for (int i = 0; i < 56; ++i) EXPECT_EQ(refill(*question), Enqueued::queued);
    EXPECT_EQ(refill(*question), Enqueued::backlogged);
    dispatcher.refill_done(*question, --row, Told::part);
    EXPECT_FALSE(dispatcher.next_refill());
    ASSERT_TRUE(dispatcher.next(mono(0s)));
    const auto rest = dispatcher.next_refill();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->limit, 1U);
    EXPECT_EQ(rest->after, row);
}

TEST(DispatcherOrder, asks_on_after_a_part_although_nothing_was_refused) {
    Dispatcher dispatcher{{}, mono(0s)};
    const Slot slot = dispatcher.add_destination(ordered, mono(0s));
    const auto question = dispatcher.next_refill();
    ASSERT_TRUE(question);
    for (std::int64_t row = 1; row <= question->limit; ++row)
        EXPECT_EQ(dispatcher.refill(*question, {row, 1, slot}, Ready::yes, mono(0s)),
                  Enqueued::queued);
    dispatcher.refill_done(*question, question->limit, Told::part);
    // What is committed now comes behind the rows that were not told yet.
    const Ref fresh{question->limit + 100, 1, slot};
    EXPECT_EQ(dispatcher.enqueue_fresh(fresh, mono(0s)), Enqueued::backlogged);
    EXPECT_FALSE(dispatcher.next_refill());
    const auto start = dispatcher.next(mono(0s));
    ASSERT_TRUE(start);
    dispatcher.finished(*start, {.kind = OutcomeKind::success}, mono(0s));
    const auto rest = dispatcher.next_refill();
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->after, question->limit);
}

TEST(DispatcherOrder, presents_again_after_a_stop_without_sending_twice_what_is_under_way) {
    Ordered world;
    const Ref first = world.enqueue(7);
    const Ref second = world.enqueue(7);
    const auto start = world.next();
    ASSERT_TRUE(start);
    EXPECT_EQ(world.dispatcher.stop(world.slot, world.now), std::vector<Ref>{second});
    world.dispatcher.resume(world.slot, world.now);
    const auto question = world.dispatcher.next_refill();
    ASSERT_TRUE(question);
    EXPECT_EQ(question->after, 0);
    for (const Ref& ref : {first, second})
        EXPECT_EQ(world.dispatcher.refill(*question, ref, Ready::yes, world.now), Enqueued::queued);
    world.dispatcher.refill_done(*question, second.delivery, Told::all);
    EXPECT_FALSE(world.next());
    world.end(*start, Settled::final);
    const auto freed = world.next();
    ASSERT_TRUE(freed);
    EXPECT_EQ(freed->ref, second);
    EXPECT_FALSE(world.next());
}

struct StoredRow {
    Ref ref;
    bool retrying = false;
};

/// What the store would answer to the dispatcher's question.
void answer_refill(Ordered& world, const std::map<std::int64_t, StoredRow>& store) {
    const auto question = world.dispatcher.next_refill();
    if (!question) return;
    std::int64_t through = world.rows;
    std::uint32_t count = 0;
    Told told = Told::all;
    for (auto at = store.upper_bound(question->after); at != store.end(); ++at) {
        const Ready ready = at->second.retrying ? Ready::no : Ready::yes;
        const bool taken = count < question->limit &&
                           world.dispatcher.refill(*question, at->second.ref, ready, world.now) ==
                               Enqueued::queued;
        if (!taken) {
            through = at->first - 1;
            told = Told::part;
            break;
        }
        ++count;
    }
    world.dispatcher.refill_done(*question, through, told);
}

/// A store and many envelopes against small queues: whatever spills, each envelope's deliveries
/// come in order, one at a time, and each is delivered exactly once.
TEST(DispatcherOrder, keeps_the_order_of_every_envelope_through_spills_and_retries) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        SeededRandom random{seed};
        DestinationConfig small = ordered;
        small.queue_max = 20;
        small.ordered_keys_max = 12;
        Ordered world{small};
        std::map<std::int64_t, StoredRow> store;          // not final
        std::map<std::uint64_t, std::int64_t> last_done;  // by envelope
        std::set<std::uint64_t> under_way;                // envelopes
        std::vector<Start> running;
        std::size_t delivered = 0;
        for (int step = 0; step < 20'000 || !store.empty(); ++step) {
            ASSERT_LT(step, 200'000);
            const std::uint64_t what = random.below(10);
            if (what < 3 && step < 20'000) {
                const Ref ref = world.make(1 + random.below(25));
                store[ref.delivery] = {ref};
                world.dispatcher.enqueue_fresh(ref, world.now);
            } else if (what < 6) {
                const auto start = world.next();
                if (!start) continue;
                const std::uint64_t key = start->ref.order_key;
                ASSERT_TRUE(store.contains(start->ref.delivery));
                ASSERT_TRUE(under_way.insert(key).second);
                ASSERT_LT(last_done[key], start->ref.delivery);
                for (auto at = store.begin(); at->first != start->ref.delivery; ++at)
                    ASSERT_NE(at->second.ref.order_key, key) << "overtaken";
                running.push_back(*start);
            } else if (what < 8 && !running.empty()) {
                const std::size_t which = random.below(running.size());
                const Start start = running[which];
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(which));
                under_way.erase(start.ref.order_key);
                const bool done = random.below(3) != 0;
                if (done) {
                    ++delivered;
                    last_done[start.ref.order_key] = start.ref.delivery;
                    store.erase(start.ref.delivery);
                } else {
                    store[start.ref.delivery].retrying = true;
                }
                world.end(start, done ? Settled::final : Settled::not_final);
            } else if (what == 8) {
                // Some retries become due.
                for (auto& [delivery, row] : store) {
                    if (!row.retrying || random.below(2) == 0) continue;
                    if (world.dispatcher.enqueue_due(row.ref, world.now) == Enqueued::queued)
                        row.retrying = false;
                }
            } else {
                answer_refill(world, store);
            }
        }
        EXPECT_EQ(static_cast<std::int64_t>(delivered), world.rows - 1);
        EXPECT_EQ(world.dispatcher.queued(), 0U);
    }
}

}  // namespace
}  // namespace blotter::delivery
