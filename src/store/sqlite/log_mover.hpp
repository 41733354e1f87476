#pragma once

#include <expected>
#include <future>
#include <memory>
#include <optional>
#include <string>

struct sqlite3;
struct sqlite3_file;
struct sqlite3_stmt;

namespace blotter::store {

/// Where a sync waits for the disk.
enum class SyncOn : std::uint8_t {
    caller,  ///< the simulator: everything happens in the order of the calls
    thread,
};

/// Moves SQLite's log into the database without waiting for the disk. After a move the log still
/// has everything, and durably, so the database need not be synced before the log begins again at
/// its start and overwrites what it had. Two connections of its own see to that: one that copies
/// without syncing, and one that goes on reading at the end of the log meanwhile, which keeps every
/// writer from starting the log again (sqlite.org/wal.html#ckpt).
///
/// Invariant: while the database holds what is not known to be durable (`owes`), the log is held,
/// but for an instant within `move`, in which the thread that writes is here.
///
/// Only the thread that writes, between its transactions: so no two connections write or checkpoint
/// at the same moment, which SQLite before 3.51.3 does not bear (sqlite.org/wal.html#walresetbug).
/// Results are SQLite's codes. An I/O error is final: the database must not be used any further.
class LogMover {
  public:
    static std::expected<std::unique_ptr<LogMover>, int> open(const std::string& path,
                                                              const char* vfs, SyncOn where);
    /// Waits for a sync that runs. What is owed stays in the log.
    ~LogMover();
    LogMover(const LogMover&) = delete;
    LogMover& operator=(const LogMover&) = delete;

    /// Copies what was committed, as far as readers let it, and holds the log from here on.
    int move();
    /// The database holds what may not survive a loss of power.
    bool owes() const { return owes_; }

    /// Begins to sync what was moved so far. None may be running.
    void begin_sync();
    bool is_syncing() const { return syncing_.valid(); }
    /// The result of the sync that was begun, once it is there.
    std::optional<int> take_sync();

    /// Syncs what is owed, waiting for it, and lets the log start again.
    int release();

    /// For the details of an error of `move`.
    sqlite3* connection() const { return mover_.get(); }

  private:
    struct Closing {
        void operator()(sqlite3* connection) const;
    };
    struct Ending {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Handle = std::unique_ptr<sqlite3, Closing>;

    LogMover(Handle mover, Handle holder, SyncOn where);
    static std::expected<Handle, int> connect(const std::string& path, const char* vfs, int flags,
                                              const char* settings);
    int prepare();
    int sync();

    Handle mover_;
    Handle holder_;
    /// While it has a row, `holder_` is in the log.
    std::unique_ptr<sqlite3_stmt, Ending> reading_;
    sqlite3_file* database_ = nullptr;  ///< that of `mover_`
    SyncOn where_;
    bool owes_ = false;
    bool moved_since_ = false;  ///< since the sync began
    std::future<int> syncing_;  ///< last: it ends before the connections do
};

}  // namespace blotter::store
