#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ledger/book.hpp"
#include "ledger/sealer.hpp"
#include "observe/log.hpp"
#include "runtime/offload.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "store/writer.hpp"

namespace blotter::server {

/// Signs checkpoints at an interval while logs grow, and enters the workspaces' checkpoints in the
/// root log. One loop; `stop` signs once more.
class SealTask {
  public:
    struct Parts {
        runtime::Loop& loop;
        runtime::Offload& offload;
        store::Writer& writer;
        ledger::LogBook& book;  ///< used on the writer's thread only
        ledger::Sealer& sealer;
        observe::Logger& log;
    };
    SealTask(Parts parts, Duration interval);

    void start();
    runtime::Task<> stop();

  private:
    runtime::Task<> run();
    runtime::Task<> seal(bool everything);
    runtime::Task<Result<std::vector<ledger::LogHead>>> take_heads();
    Result<int> write(store::Tx& tx, const std::vector<store::CheckpointRow>& rows,
                      const std::vector<ledger::LogHead>& root_entries);

    Parts parts_;
    Duration interval_;
    std::map<std::int64_t, ledger::LogHead> unsigned_;  ///< heads taken and not yet signed
    std::map<std::int64_t, MonoTime> entered_;          ///< last root entry of each log
    std::uint64_t jobs_seen_ = 0;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::server
