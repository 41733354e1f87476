#include "runtime/memory_network.hpp"

#include <array>

#include <gtest/gtest.h>

#include "runtime/task_group.hpp"

namespace blotter::runtime {
namespace {

using namespace std::chrono_literals;

struct MemoryFixture : testing::Test {
    ManualClock clock;
    Loop loop{clock};
    SeededEntropy entropy{1};
    MemoryHub hub{loop, entropy};
    MemoryNetwork network{hub};
    std::unique_ptr<Acceptor> acceptor = network.listen({}).value();
    std::string log;
    bool closed = false;
    TaskGroup group{loop};

    MemoryFixture() {
        group.on_failure = [](std::exception_ptr) { ADD_FAILURE() << "a task threw"; };
        group.spawn(serve());
    }
    ~MemoryFixture() override {
        acceptor->close();
        closed = true;
        settle(1min);
        EXPECT_EQ(group.size(), 0U);
    }
    void settle(Duration time) {
        for (Duration passed{}; passed < time && group.size() > (closed ? 0U : 1U);
             passed += 10ms) {
            while (loop.poll() > 0) {
            }
            clock.advance(10ms);
        }
    }
    MonoTime in(Duration time) const { return loop.now() + time; }

    Task<> serve() {
        for (;;) {
            auto stream = co_await acceptor->accept();
            if (!stream) co_return;
            group.spawn(echo(*std::move(stream)));
        }
    }
    /// Sends back what comes until the end.
    Task<> echo(std::unique_ptr<Stream> stream) {
        std::array<char, 64> piece;
        for (;;) {
            const auto got = co_await stream->read_some(piece, in(20s));
            if (!got || *got == 0) break;
            const std::array<std::string_view, 1> parts{std::string_view{piece.data(), *got}};
            const auto sent = co_await stream->write(parts, in(20s));
            if (!sent) break;
        }
    }
    /// Sends, then logs each read until the end or failure.
    Task<> client(std::string bytes, Duration deadline) {
        auto stream = co_await network.connect(acceptor->local(), in(deadline));
        if (!stream) {
            log += to_text(stream.error().code);
            co_return;
        }
        const std::array<std::string_view, 2> parts{std::string_view{bytes}.substr(0, 1),
                                                    std::string_view{bytes}.substr(1)};
        const auto sent = co_await (*stream)->write(parts, in(deadline));
        if (!sent) log += "write:" + std::string{to_text(sent.error().code)};
        co_await (*stream)->shutdown(in(deadline));
        std::array<char, 64> piece;
        for (;;) {
            const auto got = co_await (*stream)->read_some(piece, in(deadline));
            if (!got) log += to_text(got.error().code);
            if (!got || *got == 0) break;
            log += std::string{piece.data(), *got} + "|";
        }
    }
    std::string talk(std::string bytes, Duration deadline = 5s) {
        log.clear();
        group.spawn(client(std::move(bytes), deadline));
        settle(1min);
        return log;
    }
};

TEST_F(MemoryFixture, carries_bytes_both_ways_and_ends_properly) {
    EXPECT_EQ(talk("hello"), "hello|");
    EXPECT_EQ(hub.connections(), 0U);
    EXPECT_EQ(hub.calls(acceptor->local()), 1U);
}

TEST_F(MemoryFixture, delays_by_the_latency) {
    hub.set_faults(acceptor->local(), {.latency = 100ms});
    const MonoTime start = loop.now();
    EXPECT_EQ(talk("hello"), "hello|");
    // Two ways to connect, one there, one back.
    EXPECT_GE(loop.now() - start, 400ms);
    EXPECT_LT(loop.now() - start, 500ms);
}

TEST_F(MemoryFixture, splits_reads_the_same_way_for_the_same_seed) {
    hub.set_default_faults({.read_bytes_max = 3});
    const std::string first = talk("abcdefghijklmnopqrstuvwxyz");
    std::string joined = first;
    std::erase(joined, '|');
    EXPECT_EQ(joined, "abcdefghijklmnopqrstuvwxyz");
    EXPECT_GT(std::ranges::count(first, '|'), 8);
}

TEST_F(MemoryFixture, refuses_ignores_breaks_and_stalls_as_told) {
    const Endpoint at = acceptor->local();
    hub.set_faults(at, {.connect = LinkFaults::Connect::refuse});
    EXPECT_EQ(talk("hello"), "connect_failed");
    hub.set_faults(at, {.connect = LinkFaults::Connect::ignore});
    EXPECT_EQ(talk("hello"), "timeout");
    hub.set_faults(at, {});
    settle(1min);
    hub.set_faults(at, {.break_after_received = 3});
    EXPECT_EQ(talk("hello"), "hel|connection_closed");
    hub.set_faults(at, {.stall_after_received = 3});
    EXPECT_EQ(talk("hello"), "hel|timeout");
    hub.set_faults(at, {.break_after_sent = 2});
    EXPECT_EQ(talk("hello"), "connection_closed");
}

TEST_F(MemoryFixture, a_crash_breaks_connections_and_listeners) {
    hub.set_faults(acceptor->local(), {.stall_after_sent = 0});
    group.spawn(client("hello", 5s));
    while (loop.poll() > 0) {
    }
    EXPECT_EQ(hub.connections(), 1U);
    hub.crash(acceptor->local().address());
    closed = true;
    while (loop.poll() > 0) {
    }
    EXPECT_EQ(log, "connection_closed");
    EXPECT_EQ(hub.connections(), 0U);
    EXPECT_EQ(talk("again"), "connect_failed");
}

TEST_F(MemoryFixture, resolves_what_it_was_told) {
    MemoryResolver resolver{loop};
    resolver.set("a.example", {boost::asio::ip::make_address("192.0.2.1")});
    resolver.set_failure("b.example", {Errc::resolve_failed, "server failure"});
    const auto story = [](MemoryFixture& f, MemoryResolver& resolver) -> Task<> {
        const auto a = co_await resolver.resolve("a.example", f.in(1s));
        EXPECT_EQ(a.value().size(), 1U);
        const auto b = co_await resolver.resolve("b.example", f.in(1s));
        EXPECT_EQ(b.error().detail, "server failure");
        resolver.set_latency(2s);
        const auto late = co_await resolver.resolve("a.example", f.in(1s));
        EXPECT_EQ(late.error().code, Errc::timeout);
        f.log = "done";
    };
    group.spawn(story(*this, resolver));
    settle(1min);
    EXPECT_EQ(log, "done");
}

}  // namespace
}  // namespace blotter::runtime
