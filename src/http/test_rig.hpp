#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "http/server.hpp"
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

}  // namespace blotter::http::testing_rig
