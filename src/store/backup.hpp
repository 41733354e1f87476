#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace blotter::store {

struct BackupOptions {
    std::filesystem::path source;  ///< the live database; it stays in use
    std::filesystem::path target;  ///< must not exist
    /// A table of keys that protect personal data. It is taken out of `target` and put alone into
    /// `keys_target` (must not exist), so that the two files can be kept for different times:
    /// whoever was erased stays erased in a long-kept `target` once the short-kept file with the
    /// keys is gone. Restoring needs both. Empty: no table is treated so.
    std::string keys_table{};
    std::filesystem::path keys_target{};
    int pages_per_step = 1'024;
    /// Pages done, pages in all. False stops the backup (Errc::cancelled).
    std::function<bool(std::int64_t, std::int64_t)> progress{};
};

struct BackupReport {
    std::int64_t pages = 0;
    std::int64_t bytes = 0;
    std::int64_t keys = 0;  ///< rows in the second file
};

/// Copies a live SQLite database as of one moment into a new file, checks the copy (quick_check)
/// and makes it durable. Until all is well the files are called `….part`; nothing existing is ever
/// overwritten, and after a failure nothing is left. Both files have mode 0600.
///
/// Blocking: run it on an Offload thread. It holds a reading transaction for as long as it takes,
/// during which the log of a busy database grows.
Result<BackupReport> backup(const BackupOptions& options);

}  // namespace blotter::store
