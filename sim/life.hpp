#pragma once

#include <memory>
#include <string>

#include "clients.hpp"
#include "observe/log.hpp"
#include "receivers.hpp"
#include "server/node.hpp"

namespace blotter::sim {

/// The program's log: kept in the trace, because two equal runs log equal lines.
class TraceSink final : public observe::LogSink {
  public:
    explicit TraceSink(Trace& trace) : trace_(trace) {}
    void write(std::string_view lines) override {
        while (lines.ends_with('\n')) lines.remove_suffix(1);
        trace_.line("log {}", lines);
    }

  private:
    Trace& trace_;
};

/// One process of the program, from its start to its end, with those whom it talks to. The shipped
/// node runs as it is; only its platform is another one, and nobody but `step` moves it.
///
/// A process that crashes is left as it is and never runs again; its memory goes with that of the
/// run, because nothing may be undone tidily in a crash.
class Life {
  public:
    Life(World& world, std::uint64_t number);

    /// Recovery and all. An error is what the program would have ended with.
    Result<> start();
    /// Runs everything that is ready now; then moves the clock to the next moment at which
    /// something is to be done, at most to `until`.
    void step(MonoTime until);
    /// An orderly end. False when it did not come to that.
    bool stop();

    /// The store has failed, and the program has decided to end.
    bool broken() const { return broken_; }
    bool running() const { return running_; }
    Clients& clients() { return *clients_; }
    Receivers& receivers() { return *receivers_; }
    /// Lets a task of the outside world run in this process's time.
    void spawn(runtime::Task<> task);

  private:
    void run_ready();
    bool commit();
    void watch_queue();

    World& world_;
    SimPlatform platform_;
    TraceSink sink_;
    observe::Logger log_;
    Dice dice_;
    std::unique_ptr<server::Node> node_;
    std::unique_ptr<Receivers> receivers_;
    std::unique_ptr<Clients> clients_;
    std::optional<MonoTime> commit_at_;
    std::optional<MonoTime> rest_at_;
    bool broken_ = false;
    bool running_ = false;
};

}  // namespace blotter::sim
