#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.hpp"
#include "intake/keyring.hpp"
#include "routing/directory.hpp"
#include "runtime/disk.hpp"
#include "runtime/entropy.hpp"
#include "security/key_file.hpp"
#include "security/secret.hpp"
#include "store/sql.hpp"
#include "store/sqlite/sqlite_connection.hpp"

namespace blotter::server {

/// The paths inside the data directory.
struct DataPaths {
    std::filesystem::path root;
    std::filesystem::path database() const { return root / "blotter.db"; }
    std::filesystem::path files() const { return root / "files"; }
    std::filesystem::path last_signed() const { return root / "last-signed"; }
    std::filesystem::path owner_key() const { return root / "owner.key"; }
    std::filesystem::path address() const { return root / "address"; }
};

/// The secrets of the installation, opened.
struct InstallationSecrets {
    Bytes ledger_seed;
    security::Secret link_key;
    security::Secret cursor_key;
};

/// What a start finds or makes: keys, database, installation.
struct OpenedData {
    DataPaths paths;
    security::MasterKeys masters;
    std::unique_ptr<sql::Connection> writer;  ///< read-write, migrated
    WorkspaceId installation;
    InstallationSecrets secrets;
    routing::DirectoryPtr directory;
    /// Set on the very first start: the key that everything begins with. It is in its file then.
    std::optional<security::Secret> owner_key;
    std::int64_t watermark = 0;
};

struct OpenOptions {
    const config::Settings& settings;
    runtime::Disk& disk;
    runtime::Clock& clock;
    runtime::Entropy& entropy;
    store::SqliteOptions database{};  ///< its file system and the sizes of its log
};

/// Opens the data directory, making what is missing. Errors say what to do.
Result<OpenedData> open_data(const OpenOptions& options);

/// A read-only connection to the same database.
Result<std::unique_ptr<sql::Connection>> open_reader(const OpenOptions& options);

/// Everything configured, from the rows. `keys` get those of every workspace.
Result<routing::DirectoryPtr> load_directory(sql::Connection& db, intake::Keyring& keys,
                                             DeliveryDefaults defaults);

}  // namespace blotter::server
