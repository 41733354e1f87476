#pragma once

#include <deque>
#include <vector>

#include "platform.hpp"
#include "wire.hpp"
#include "world.hpp"

namespace blotter::sim {

/// The receivers, as one process of the run meets them: what they remember is in the world. One
/// per destination. They write down every whole request and check what a receiver can check: the
/// signature, the same bytes on every attempt, not more at once than agreed.
class Receivers {
  public:
    Receivers(World& world, SimPlatform& platform, runtime::Loop& loop);

    /// Listens; to be called once.
    Result<> start();
    /// The mood of a destination has changed.
    void apply_mood(std::uint32_t destination);

    static runtime::Endpoint endpoint_of(std::uint32_t destination) {
        return {SimPlatform::receiver_address(destination), 443};
    }

  private:
    runtime::Task<> accept(std::uint32_t destination);
    runtime::Task<> talk(std::unique_ptr<runtime::Stream> stream, std::uint32_t destination);
    /// Whether the connection can be used again.
    runtime::Task<bool> answer(runtime::Stream& stream, std::uint32_t destination,
                               std::size_t arrival);
    runtime::Task<> rest(std::chrono::nanoseconds time);
    runtime::Task<bool> say(runtime::Stream& stream, std::string text);
    std::optional<std::size_t> note(const Message& request, std::uint32_t destination);
    void check_signature(const Message& request, std::uint32_t destination);
    void check_concurrency(std::uint32_t destination);
    std::string busy_answer();

    World& world_;
    SimPlatform& platform_;
    runtime::Loop& loop_;
    Dice dice_;
    std::vector<std::unique_ptr<runtime::Acceptor>> acceptors_;
    /// Arrivals of this process that are not answered yet.
    std::vector<std::deque<std::size_t>> open_;
};

}  // namespace blotter::sim
