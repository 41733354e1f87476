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
/// workspaces' keys anew under it; a running server does that on SIGHUP, or at its start.
int rotate_keys(Console& console, const config::Settings& settings);

/// `blotter keys rewrap`: the second half of a rotation alone.
int rewrap_keys(Console& console, const config::Settings& settings);

/// Wraps every workspace key under the vault's current master key, in one transaction; gives how
/// many were under another one. What they sealed stays as it is. The writing connection's thread.
Result<std::int64_t> rewrap_all(sql::Connection& db, security::Vault& vault,
                                const std::string& current_master_id);

/// The same for some of them, inside the caller's transaction; 0: there are no more.
inline constexpr std::size_t rewrap_slice_rows = 500;
Result<std::int64_t> rewrap_slice(sql::Connection& db, security::Vault& vault,
                                  const std::string& current_master_id);
/// The canary under the vault's current master key, once it has shown that the keys are the right
/// ones. Inside the caller's transaction.
Result<> renew_canary(sql::Connection& db, security::Vault& vault);

}  // namespace blotter::cli
