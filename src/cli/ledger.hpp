#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/console.hpp"
#include "config/settings.hpp"

/// The commands of `blotter ledger`. Each opens what it needs, works, prints, and gives the exit
/// status. All but `fork` only read, and may run beside a server.
namespace blotter::cli {

/// Checks the ledger where it is kept.
int verify_ledger(Console& console, const config::Settings& settings);

struct ExportCheckOptions {
    std::filesystem::path folder;  ///< one log, or a folder of several
    /// Verifier keys that are trusted. A key also stands for the logs below its name.
    std::vector<std::string> keys;
};
/// Checks an export without looking at any data directory.
int verify_exports(Console& console, const ExportCheckOptions& options);

/// The proof that an event is in the ledger; to `out` unless that is empty.
int prove_event(Console& console, const config::Settings& settings, std::string_view event,
                const std::filesystem::path& out);

/// Every log, or those of one workspace (its id, or empty), a folder each.
int export_ledger(Console& console, const config::Settings& settings,
                  const std::filesystem::path& folder, std::string_view workspace);

enum class CheckpointPart : std::uint8_t { note, verifier_key };
/// The newest signed checkpoint of the root log or of a workspace's.
int show_checkpoint(Console& console, const config::Settings& settings, std::string_view workspace,
                    CheckpointPart part);

/// Closes every log that cannot go on, because the database lost what was signed, and opens one in
/// its place whose first entry says so. Refused while a server runs.
int fork_ledger(Console& console, const config::Settings& settings, const std::string& reason);

}  // namespace blotter::cli
