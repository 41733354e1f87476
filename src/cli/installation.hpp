#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "intake/keyring.hpp"
#include "ledger/log_state.hpp"
#include "ledger/note.hpp"
#include "runtime/clock.hpp"
#include "runtime/disk.hpp"
#include "security/key_file.hpp"
#include "security/vault.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/logs.hpp"

namespace blotter::cli {

/// The names inside the data directory, as the server makes them.
struct InstallationPaths {
    std::filesystem::path root;
    std::filesystem::path database() const { return root / "blotter.db"; }
    std::filesystem::path files() const { return root / "files"; }
    std::filesystem::path last_signed() const { return root / "last-signed"; }
    std::filesystem::path owner_key() const { return root / "owner.key"; }
    std::filesystem::path address() const { return root / "address"; }
    /// In a backup: the keys of persons' data, apart from the database.
    std::filesystem::path subject_keys() const { return root / "subject-keys.db"; }
};

/// An installation's data, opened beside a running server or without one. One thread.
class Installation {
  public:
    /// Read-only unless said otherwise. Read-write takes the database's lock, so a running server
    /// is a `conflict`. Errors say what to do. `settings` is used during the call only.
    static Result<std::unique_ptr<Installation>> open(
        const config::Settings& settings, store::Access access = store::Access::read_only);
    ~Installation();

    const InstallationPaths& paths() const { return paths_; }
    store::SqliteConnection& db() { return *db_; }
    const runtime::Clock& clock() const { return clock_; }
    runtime::Disk& disk() { return *disk_; }
    /// Opens payloads; knows the master keys.
    intake::Keyring& keys() { return *keys_; }

    /// What each log signed last; empty when there is no such file yet.
    Result<ledger::LogState> log_state();
    /// The seed of the key that signs checkpoints.
    Result<Bytes> ledger_seed();
    Result<ledger::NoteVerifier> verifier(const std::string& origin);
    /// All logs, oldest first.
    Result<std::vector<store::LogRow>> logs();

  private:
    Installation() = default;
    Result<> open_keys(const config::Settings& settings);

    class Random;

    InstallationPaths paths_;
    runtime::SystemClock clock_;
    std::unique_ptr<runtime::Disk> disk_ = runtime::make_system_disk();
    std::unique_ptr<store::SqliteConnection> db_;
    std::unique_ptr<Random> random_;
    std::unique_ptr<security::Vault> vault_;
    std::unique_ptr<intake::Keyring> keys_;
    std::optional<Bytes> seed_;
};

/// The master keys that the settings name. Does not make any.
Result<security::MasterKeys> load_master_keys(const config::Settings& settings);

}  // namespace blotter::cli
