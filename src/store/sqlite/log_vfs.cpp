#include "store/sqlite/log_vfs.hpp"

#include <cstring>
#include <new>
#include <vector>

#include <sqlite3.h>

#include "base/invariant.hpp"

namespace blotter::store {
namespace {

/// SQLite's own file system layer writes fewer than 128 KiB at once, and cuts off what a larger
/// size has above its 17th bit.
constexpr std::size_t gathered_max = 120 * 1024;

sqlite3_vfs* base() {
    static sqlite3_vfs* const found = sqlite3_vfs_find(nullptr);
    INVARIANT(found != nullptr);
    return found;
}

/// The file that SQLite sees; the base's own file lies behind it, in the same piece of memory.
struct LogFile {
    sqlite3_file file;
    std::vector<char>* gathered;
    sqlite3_int64 start;  ///< where `gathered` belongs
    bool synced;          ///< nothing was changed since a sync that succeeded
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    sqlite3_int64 end() const { return start + static_cast<sqlite3_int64>(gathered->size()); }
};

LogFile& log_of(sqlite3_file* file) {
    return *reinterpret_cast<LogFile*>(file);
}

/// What could not be written is dropped, as the rest of a transaction that fails at its first
/// write.
int hand_over(LogFile& log) {
    if (log.gathered->empty()) return SQLITE_OK;
    const int code = log.real()->pMethods->xWrite(
        log.real(), log.gathered->data(), static_cast<int>(log.gathered->size()), log.start);
    log.gathered->clear();
    return code;
}

int write_log(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    LogFile& log = log_of(file);
    log.synced = false;
    const bool follows = log.gathered->empty() || at == log.end();
    if (!follows || log.gathered->size() + static_cast<std::size_t>(size) > gathered_max)
        if (const int code = hand_over(log); code != SQLITE_OK) return code;
    if (log.gathered->empty()) log.start = at;
    const char* bytes = static_cast<const char*>(data);
    try {
        log.gathered->insert(log.gathered->end(), bytes, bytes + size);
    } catch (const std::bad_alloc&) {
        return SQLITE_IOERR_NOMEM;
    }
    return SQLITE_OK;
}

int close_log(sqlite3_file* file) {
    LogFile& log = log_of(file);
    const int written = hand_over(log);
    delete log.gathered;
    const int closed = log.real()->pMethods->xClose(log.real());
    return written != SQLITE_OK ? written : closed;
}

/// Any other method: first everything gathered, then the base's.
template <auto Method, typename... Rest>
int after_gathered(sqlite3_file* file, Rest... rest) {
    LogFile& log = log_of(file);
    if (const int code = hand_over(log); code != SQLITE_OK) return code;
    return (log.real()->pMethods->*Method)(log.real(), rest...);
}

int truncate_log(sqlite3_file* file, sqlite3_int64 size) {
    log_of(file).synced = false;
    return after_gathered<&sqlite3_io_methods::xTruncate>(file, size);
}

/// With synchronous=FULL a checkpoint syncs a log that the last commit has synced.
int sync_log(sqlite3_file* file, int flags) {
    LogFile& log = log_of(file);
    if (log.synced) return SQLITE_OK;
    const int code = after_gathered<&sqlite3_io_methods::xSync>(file, flags);
    log.synced = code == SQLITE_OK;
    return code;
}

template <auto Method, typename... Rest>
int straight(sqlite3_file* file, Rest... rest) {
    sqlite3_file* const real = log_of(file).real();
    return (real->pMethods->*Method)(real, rest...);
}

using M = sqlite3_io_methods;

/// Version 1: logs have no shared memory and are not mapped.
constexpr M log_methods{
    .iVersion = 1,
    .xClose = close_log,
    .xRead = after_gathered<&M::xRead, void*, int, sqlite3_int64>,
    .xWrite = write_log,
    .xTruncate = truncate_log,
    .xSync = sync_log,
    .xFileSize = after_gathered<&M::xFileSize, sqlite3_int64*>,
    .xLock = straight<&M::xLock, int>,
    .xUnlock = straight<&M::xUnlock, int>,
    .xCheckReservedLock = straight<&M::xCheckReservedLock, int*>,
    .xFileControl = after_gathered<&M::xFileControl, int, void*>,
    .xSectorSize = straight<&M::xSectorSize>,
    .xDeviceCharacteristics = straight<&M::xDeviceCharacteristics>,
};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    if ((flags & SQLITE_OPEN_WAL) == 0) return base()->xOpen(base(), name, file, flags, out_flags);
    LogFile& log = log_of(file);
    std::memset(file, 0, sizeof(LogFile) + static_cast<std::size_t>(base()->szOsFile));
    const int code = base()->xOpen(base(), name, log.real(), flags, out_flags);
    // SQLite closes a file whose opening failed only when it has methods.
    if (log.real()->pMethods == nullptr) return code;
    log.gathered = new (std::nothrow) std::vector<char>;
    if (log.gathered == nullptr) {
        log.real()->pMethods->xClose(log.real());
        return SQLITE_NOMEM;
    }
    log.file.pMethods = &log_methods;
    return code;
}

}  // namespace

const char* log_vfs() {
    static constexpr const char* name = "blotter-log";
    static sqlite3_vfs vfs = [] {
        sqlite3_vfs made = *base();
        made.zName = name;
        made.pNext = nullptr;
        made.szOsFile = static_cast<int>(sizeof(LogFile)) + base()->szOsFile;
        made.xOpen = open_file;
        return made;
    }();
    [[maybe_unused]] static const int registered = sqlite3_vfs_register(&vfs, 0);
    INVARIANT(registered == SQLITE_OK);
    return name;
}

}  // namespace blotter::store
