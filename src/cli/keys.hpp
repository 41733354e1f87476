#pragma once

#include <filesystem>
#include <string>

#include "cli/console.hpp"
#include "config/settings.hpp"
#include "security/vault.hpp"
#include "store/sql.hpp"

namespace blotter::cli {

/// `blotter keys create FILE`: a new file with one fresh master key.
int create_keys(Console& console, const std::filesystem::path& file);

/// `blotter keys rotate`: puts a fresh master key in front of those in the key file, and wraps the
/// workspaces' keys anew under it; a running server does that when it is restarted.
int rotate_keys(Console& console, const config::Settings& settings);

/// `blotter keys rewrap`: the second half of a rotation alone.
int rewrap_keys(Console& console, const config::Settings& settings);

/// Wraps every workspace key under the vault's current master key, in one transaction; gives how
/// many were under another one. What they sealed stays as it is. The writing connection's thread.
Result<std::int64_t> rewrap_all(sql::Connection& db, security::Vault& vault,
                                const std::string& current_master_id);

}  // namespace blotter::cli
