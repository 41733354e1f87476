#include "store/sqlite/log_mover.hpp"

#include <chrono>
#include <system_error>

#include <sqlite3.h>

#include "base/invariant.hpp"

namespace blotter::store {

void LogMover::Closing::operator()(sqlite3* connection) const {
    sqlite3_close(connection);
}

void LogMover::Ending::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

LogMover::LogMover(Handle mover, Handle holder, SyncOn where)
    : mover_(std::move(mover)), holder_(std::move(holder)), where_(where) {}

LogMover::~LogMover() {
    if (syncing_.valid()) syncing_.wait();
}

std::expected<LogMover::Handle, int> LogMover::connect(const std::string& path, const char* vfs,
                                                       int flags, const char* settings) {
    sqlite3* raw = nullptr;
    int code = sqlite3_open_v2(
        path.c_str(), &raw,
        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, vfs);
    Handle made{raw};
    if (code == SQLITE_OK)
        code = sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    if (code == SQLITE_OK) code = sqlite3_exec(raw, settings, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected{code};
    return made;
}

std::expected<std::unique_ptr<LogMover>, int> LogMover::open(const std::string& path,
                                                             const char* vfs, SyncOn where) {
    auto mover =
        connect(path, vfs, SQLITE_OPEN_READWRITE,
                "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=OFF; "
                // Without a first look it does not know of the log, and would move nothing.
                "SELECT count(*) FROM sqlite_schema");
    if (!mover) return std::unexpected{mover.error()};
    auto holder =
        connect(path, vfs, SQLITE_OPEN_READONLY, "PRAGMA mmap_size=0; PRAGMA query_only=ON");
    if (!holder) return std::unexpected{holder.error()};
    std::unique_ptr<LogMover> made{new LogMover{*std::move(mover), *std::move(holder), where}};
    if (const int code = made->prepare(); code != SQLITE_OK) return std::unexpected{code};
    return made;
}

int LogMover::prepare() {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v3(holder_.get(), "SELECT count(*) FROM sqlite_schema", -1,
                                        SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    reading_.reset(made);
    if (code != SQLITE_OK) return code;
    return sqlite3_file_control(mover_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &database_);
}

int LogMover::move() {
    // Anew at the end of the log, and before the copying: a reader that comes when all is copied is
    // not in the log, and one at an older end lets no more be copied than what it has seen.
    sqlite3_reset(reading_.get());
    if (const int code = sqlite3_step(reading_.get()); code != SQLITE_ROW) {
        const int released = release();
        return released != SQLITE_OK ? released : code;
    }
    owes_ = true;
    moved_since_ = true;
    return sqlite3_wal_checkpoint_v2(mover_.get(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                     nullptr);
}

int LogMover::sync() {
    return database_->pMethods->xSync(database_, SQLITE_SYNC_NORMAL);
}

void LogMover::begin_sync() {
    INVARIANT(!syncing_.valid());
    moved_since_ = false;
    if (where_ == SyncOn::thread) {
        try {
            syncing_ = std::async(std::launch::async, [this] { return sync(); });
            return;
        } catch (const std::system_error&) {
            // No thread to be had: then here.
        }
    }
    std::promise<int> done;
    syncing_ = done.get_future();
    done.set_value(sync());
}

std::optional<int> LogMover::take_sync() {
    if (!syncing_.valid()) return std::nullopt;
    if (syncing_.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
        return std::nullopt;
    const int code = syncing_.get();
    if (code == SQLITE_OK && !moved_since_) owes_ = false;
    return code;
}

int LogMover::release() {
    if (syncing_.valid()) {
        syncing_.wait();
        if (const int code = take_sync().value_or(SQLITE_OK); code != SQLITE_OK) return code;
    }
    if (owes_) {
        if (const int code = sync(); code != SQLITE_OK) return code;
        owes_ = false;
    }
    sqlite3_reset(reading_.get());
    return SQLITE_OK;
}

}  // namespace blotter::store
