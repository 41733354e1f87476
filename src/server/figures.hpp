#pragma once

#include "observe/log.hpp"
#include "observe/metrics.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "server/background.hpp"
#include "store/reader.hpp"
#include "store/writer.hpp"

namespace blotter::server {

/// What is in the store, as /metrics shows it.
struct FiguresProbe {
    observe::Gauge due;
    observe::Gauge held;
    observe::Gauge oldest_due_age;  ///< seconds, negative while the earliest is ahead
    observe::Gauge alerts;
    observe::Gauge ledger_entries;
    observe::Gauge checkpoint_time;  ///< seconds since 1970
    observe::Gauge writer_queue;
    void show_on(observe::MetricsPage& page) const;
};

/// Reads those figures every few seconds, so that nobody's request has to. One loop.
class Figures final : public Background {
  public:
    struct Parts {
        runtime::Loop& loop;
        store::Reader& reader;
        const store::Writer& writer;
        observe::Logger& log;
        FiguresProbe& probe;
        Duration interval{15'000};
    };
    explicit Figures(Parts parts) : parts_(parts), wake_(parts.loop), tasks_(parts.loop) {}

    void start() override { tasks_.spawn(run()); }
    runtime::Task<> stop() override;

    /// What waits is counted up to here.
    static constexpr std::int64_t count_max = 100'000;

  private:
    runtime::Task<> run();
    runtime::Task<> look();

    Parts parts_;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::server
