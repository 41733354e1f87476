#pragma once

#include <filesystem>

#include "cli/console.hpp"
#include "cli/installation.hpp"
#include "config/settings.hpp"
#include "store/sql.hpp"

namespace blotter::cli {

/// `blotter backup DIR`: a data directory that a server can be started with, as of one moment,
/// also beside a running server: the database, the keys of persons' data in a file apart, the
/// stored files (each checked against its hash), what was signed last, and how to restore. Never
/// overwrites anything, and never copies the master key.
int back_up(Console& console, const config::Settings& settings,
            const std::filesystem::path& folder);

/// Puts the keys of a restored backup back into its database and removes their file. Nothing is
/// done when there is no such file; a key that was destroyed meanwhile stays destroyed. With the
/// writing connection, outside a transaction, before anything is accepted. Gives how many.
Result<std::int64_t> take_back_subject_keys(sql::Connection& db, runtime::Disk& disk,
                                            const InstallationPaths& paths);

}  // namespace blotter::cli
