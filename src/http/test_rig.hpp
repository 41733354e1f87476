#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/server.hpp"
#include "runtime/memory_network.hpp"
#include "runtime/system_network.hpp"

/// Helpers of this room's tests.
namespace blotter::http::testing_rig {

/// A request head with `fields` fields beside Host.
inline std::string head_of(int fields) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < fields; ++i) head += "X: y\r\n";
    return head + "\r\n";
}

/// Runs one story on a real loop with the machine's clock and network.
struct RealLoop {
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    runtime::TaskGroup group{loop};

    void run(runtime::Task<> story) {
        group.on_failure = [this](std::exception_ptr) {
            ADD_FAILURE() << "the story threw";
            loop.stop();
        };
        group.spawn(finish(std::move(story)));
        loop.run();
    }
    runtime::Task<> finish(runtime::Task<> story) {
        co_await std::move(story);
        loop.stop();
    }
    MonoTime in(Duration time) const { return loop.now() + time; }
};

/// Runs stories on a clock that only the test moves, over wires in memory.
struct MemoryLoop {
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    runtime::SeededEntropy entropy{1};
    runtime::MemoryHub hub{loop, entropy};
    runtime::MemoryNetwork network{hub};
    runtime::MemoryResolver resolver{loop};
    runtime::TaskGroup group{loop};
    bool done = false;

    MemoryLoop() {
        group.on_failure = [](std::exception_ptr) { ADD_FAILURE() << "a task threw"; };
    }
    /// Until the story ends; at most ten minutes of the test's time.
    void run(runtime::Task<> story) {
        done = false;
        group.spawn(finish(std::move(story)));
        for (int steps = 0; !done && steps < 12'000; ++steps) {
            turn();
            if (!done) clock.advance(std::chrono::milliseconds{50});
        }
        EXPECT_TRUE(done) << "the story did not end";
    }
    void turn() {
        while (loop.poll() > 0) {
        }
    }
    void let_pass(Duration time) {
        for (Duration passed{}; passed < time; passed += Duration{50}) {
            turn();
            clock.advance(std::chrono::milliseconds{50});
        }
        turn();
    }
    runtime::Task<> finish(runtime::Task<> story) {
        co_await std::move(story);
        done = true;
    }
    MonoTime in(Duration time) const { return loop.now() + time; }
};

/// A scripted server: one reply per request, whatever the request says.
class FakePeer {
  public:
    struct Reply {
        std::string bytes;
        enum class Then : std::uint8_t { keep, close } then = Then::keep;
        Duration pace{};   ///< between single bytes; 0: all at once
        Duration pause{};  ///< then `after_pause` follows
        std::string after_pause{};
    };

    FakePeer(MemoryLoop& on, const runtime::ListenOptions& listen)
        : on_(on), acceptor_(on.network.listen(listen).value()) {
        on_.group.spawn(accept_loop());
    }
    ~FakePeer() {
        acceptor_->close();
        on_.hub.crash(acceptor_->local().address());
        on_.turn();
    }
    FakePeer(const FakePeer&) = delete;
    FakePeer& operator=(const FakePeer&) = delete;

    runtime::Endpoint at() const { return acceptor_->local(); }

    std::vector<Reply> replies;  ///< the last one is repeated
    std::vector<std::string> requests;
    int connections = 0;

  private:
    runtime::Task<> accept_loop() {
        for (;;) {
            auto stream = co_await acceptor_->accept();
            if (!stream) co_return;
            ++connections;
            on_.group.spawn(serve(*std::move(stream)));
        }
    }
    runtime::Task<bool> hear(runtime::Stream& stream, std::string& all) {
        std::array<char, 4096> piece;
        for (;;) {
            const auto end = all.find("\r\n\r\n");
            if (end != std::string::npos) {
                Request request;
                const auto head = read_request_head(all.substr(0, end + 4), {}, request);
                EXPECT_TRUE(head) << all;
                const std::size_t size = end + 4 + (head ? head->content_length : 0);
                if (all.size() >= size) {
                    requests.push_back(all.substr(0, size));
                    all.erase(0, size);
                    co_return true;
                }
            }
            const auto got = co_await stream.read_some(piece, on_.in(std::chrono::minutes{5}));
            if (!got || *got == 0) co_return false;
            all.append(piece.data(), *got);
        }
    }
    runtime::Task<> serve(std::unique_ptr<runtime::Stream> stream) {
        std::string all;
        for (;;) {
            const bool heard = co_await hear(*stream, all);
            if (!heard) co_return;
            const Reply reply = replies.at(std::min(requests.size(), replies.size()) - 1);
            const std::size_t piece = reply.pace > Duration{} ? 1 : reply.bytes.size();
            for (std::size_t at = 0; at < reply.bytes.size(); at += piece) {
                const std::array<std::string_view, 1> parts{
                    std::string_view{reply.bytes}.substr(at, piece)};
                const auto sent = co_await stream->write(parts, on_.in(std::chrono::minutes{5}));
                if (!sent) co_return;
                co_await on_.loop.sleep_for(reply.pace);
            }
            if (!reply.after_pause.empty()) {
                co_await on_.loop.sleep_for(reply.pause);
                const std::array<std::string_view, 1> parts{reply.after_pause};
                (void)co_await stream->write(parts, on_.in(std::chrono::minutes{5}));
            }
            if (reply.then == Reply::Then::close) co_return;
        }
    }

    MemoryLoop& on_;
    std::unique_ptr<runtime::Acceptor> acceptor_;
};

}  // namespace blotter::http::testing_rig
