#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/clock.hpp"
#include "store/sql.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace blotter::store {

enum class Access : std::uint8_t { read_write, read_only };

struct SqliteOptions {
    std::filesystem::path path;
    Access access = Access::read_write;
    /// A registered SQLite VFS; empty: the machine's file system, with the checks and the lock of
    /// database_file.hpp.
    std::string vfs{};
    int cache_kib = 64 * 1024;
    Duration busy_timeout{2'000};
    /// The log is moved into the database when this much of it is new: in idle moments, or under
    /// load. The latter is what a commit may have to wait for.
    std::int64_t checkpoint_idle_bytes = 256 * 1024;
    std::int64_t checkpoint_busy_bytes = 16 * 1024 * 1024;
    /// Instead of the former, after a commit of at most `small_commit_bytes`: where commits are
    /// small somebody waits for the next one, so what is moved is not synced (log_mover.hpp) until
    /// the log has `checkpoint_busy_bytes`.
    std::int64_t checkpoint_small_bytes = 256 * 1024;
    /// And no sooner than after as many commits like the last one.
    std::int64_t checkpoint_small_commits = 6;
    std::int64_t small_commit_bytes = 256 * 1024;
    /// Needed for `set_deadline`; outlives the connection.
    const runtime::Clock* clock = nullptr;
};

class DatabaseLock;
class LogMover;
class SqliteStatement;

/// The SQLite driver: WAL, synchronous=FULL (asserted), no extensions, no mmap, checkpoints only on
/// the thread that writes and only when asked through `upkeep`: SQLite before 3.51.3 may lose
/// committed writes when two connections write or checkpoint at the same moment
/// (sqlite.org/wal.html#walresetbug).
/// A read-write connection holds the database's lock, so there is one in one process at a time.
///
/// Deleted content inside pages that are written anyway is always overwritten
/// (secure_delete=FAST); see `overwrite_deleted` for the rest. One thread at a time.
class SqliteConnection final : public sql::Connection {
  public:
    /// Errors: conflict (another process has it), invalid_argument (a network file system, another
    /// program's file), storage_failed, corrupt.
    static Result<std::unique_ptr<SqliteConnection>> open(SqliteOptions options);
    ~SqliteConnection() override;
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    Result<sql::Statement*> prepare(const sql::Query& query) override;
    Result<> execute(std::string_view script) override;
    /// Read-write: BEGIN IMMEDIATE, because a later upgrade would fail at once as busy.
    Result<> begin() override;
    Result<> commit() override;
    void rollback() override;
    Result<> savepoint() override;
    Result<> release_savepoint() override;
    void rollback_to_savepoint() override;
    std::int64_t changes() const override;
    std::optional<std::int64_t> total_changes() const override;
    std::int64_t last_insert_id() const override;
    sql::State state() const override;
    Result<> upkeep(sql::Upkeep when) override;
    Result<> overwrite_deleted() override;
    void set_deadline(MonoTime deadline) override;

    /// Reads every page and compares the structure (PRAGMA quick_check). Errc::corrupt.
    Result<> quick_check();
    /// Bytes of the log as of the last commit.
    std::int64_t log_bytes() const { return frames_ * page_bytes; }
    const SqliteOptions& options() const { return options_; }

    static constexpr int page_bytes = 4096;

  private:
    friend class SqliteStatement;
    struct Slot {
        const sql::Query* query = nullptr;
        std::unique_ptr<SqliteStatement> statement;
    };

    explicit SqliteConnection(SqliteOptions options);
    Result<> connect();
    Result<> configure();
    Result<> claim_file();
    Result<> run_plain(const sql::Query& query);
    Result<std::int64_t> pragma(const char* text);
    bool commits_are_small() const;
    Result<> sync_file(int which, std::string_view doing);
    Result<> checkpoint(int mode);
    /// Moves the log without waiting for the disk, but for a moment when it has grown long.
    Result<> move_along();
    /// Ends what `move_along` left: the database is synced, the log may start again.
    Result<> settle();
    void stop_overwriting();
    Slot& slot_of(const sql::Query* query);
    void grow();
    /// Turns SQLite's code into ours, with the statement's name, and remembers what breaks us.
    std::unexpected<Error> failure(int code, std::string_view doing, sqlite3* of);
    std::unexpected<Error> failure(int code, std::string_view doing) {
        return failure(code, doing, db_);
    }
    static int on_progress(void* self);
    static int on_log(void* self, sqlite3* db, const char* name, int frames);

    SqliteOptions options_;
    std::unique_ptr<DatabaseLock> lock_;
    sqlite3* db_ = nullptr;
    std::unique_ptr<LogMover> mover_;  ///< made when it is first needed
    std::vector<Slot> slots_;          ///< open addressing; the size is a power of two
    std::size_t used_ = 0;
    MonoTime deadline_ = MonoTime::max();
    std::int64_t frames_ = 0;        ///< in the log
    std::int64_t counted_ = 0;       ///< of those, in new_frames_ already
    std::int64_t new_frames_ = 0;    ///< since the last checkpoint was tried
    std::int64_t last_frames_ = 0;   ///< of the last commit
    bool overwriting_ = false;       ///< secure_delete=ON in this transaction
    bool log_holds_erased_ = false;  ///< until the log is cut
    bool broken_ = false;
};

}  // namespace blotter::store
