#pragma once

#include <array>
#include <string>

#include "runtime/memory_network.hpp"
#include "runtime/task_group.hpp"

/// A machine in memory, for the targets that run whole connections.
namespace blotter::fuzz {

/// One loop on a clock that moves only when `settle` moves it.
struct Machine {
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    runtime::SeededEntropy entropy;
    runtime::MemoryHub hub{loop, entropy};
    runtime::MemoryNetwork network{hub};
    runtime::MemoryResolver resolver{loop};
    runtime::TaskGroup group{loop};

    /// Reads give at most `read_bytes_max` bytes at a time; 0: everything there is.
    Machine(std::uint64_t seed, std::size_t read_bytes_max) : entropy(seed) {
        hub.set_default_faults({.read_bytes_max = read_bytes_max});
        group.on_failure = [](std::exception_ptr) { INVARIANT(!"a task threw"); };
    }
    void turn() {
        while (loop.poll() > 0) {
        }
    }
    /// Every time limit on the way runs out.
    void settle() {
        turn();
        for (int minutes = 0; minutes < 4; ++minutes) {
            clock.advance(std::chrono::minutes{1});
            turn();
        }
    }
    MonoTime in(Duration time) const { return loop.now() + time; }
};

/// Reads until the other side ends or nothing comes any more.
inline runtime::Task<> drain(Machine& on, runtime::Stream& stream, std::string& all) {
    std::array<char, 4096> piece{};
    for (;;) {
        const auto got = co_await stream.read_some(piece, on.in(std::chrono::minutes{10}));
        if (!got || *got == 0) co_return;
        all.append(piece.data(), *got);
    }
}

}  // namespace blotter::fuzz
