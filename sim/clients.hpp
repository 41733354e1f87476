#pragma once

#include "platform.hpp"
#include "wire.hpp"
#include "world.hpp"

namespace blotter::sim {

/// The applications and the people that use the API, as one process of the run meets them. What
/// they were promised is in the world.
class Clients {
  public:
    Clients(World& world, SimPlatform& platform, runtime::Loop& loop)
        : world_(world), platform_(platform), loop_(loop), dice_(world.dice.next()) {}

    /// Workspace, destinations. Nothing fails yet.
    runtime::Task<> set_up();
    /// Hands in an event until it is acknowledged.
    runtime::Task<> submit(std::uint32_t event);
    /// An order of a person: made again later when nobody answers.
    runtime::Task<> order(Step step);
    runtime::Task<> fetch_checkpoint();
    /// What people see of an event's deliveries, at the end: all of them final.
    runtime::Task<> check_view(std::uint32_t event);
    /// Set when `check_view` or `set_up` has come to its end.
    bool done = false;

  private:
    struct Question {
        std::string method;
        std::string path;
        std::string body;
        std::string key;  ///< Idempotency-Key
    };
    runtime::Task<std::optional<Message>> ask(Question question);
    runtime::Task<> replay_one(std::uint32_t destination);
    runtime::Task<> cancel_one(std::uint32_t destination);
    void check_refusal(const Message& answer, std::string_view of);
    std::string destination_body(std::uint32_t index) const;
    std::string path_of(std::uint32_t destination, std::string_view action) const;
    void again(Step step);

    World& world_;
    SimPlatform& platform_;
    runtime::Loop& loop_;
    Dice dice_;
};

}  // namespace blotter::sim
