#include "server/data_directory.hpp"

#include <map>

#include <fmt/format.h>

#include "cli/backup.hpp"
#include "cli/keys.hpp"
#include "delivery/schedule.hpp"
#include "intake/sealed_config.hpp"
#include "security/api_key.hpp"
#include "server/random.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/access.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/workspaces.hpp"
#include "store/writer.hpp"

namespace blotter::server {
namespace {

constexpr std::string_view meta_canary = "master_key_canary";
constexpr std::size_t pages_of = 1'000;

/// The nil workspace stands for the installation in the vault.
constexpr WorkspaceId nobody{};

Result<security::MasterKeys> open_masters(const OpenOptions& options) {
    const config::SecretText& text = options.settings.keys.master;
    if (text.is_set()) return security::MasterKeys::parse(text.reveal(), "keys.master");
    const std::filesystem::path path = config::key_file_for(options.settings);
    auto keys = security::MasterKeys::load_file(path);
    if (keys || keys.error().code != Errc::not_found) return keys;
    // Only a new installation gets a new key: an existing database would be unreadable with it.
    const std::filesystem::path database = DataPaths{options.settings.data.directory}.database();
    if (options.disk.open(database))
        return fail(Errc::precondition_failed,
                    fmt::format("the key file {} is missing, and the database {} cannot be read "
                                "without it: restore the key file from its backup",
                                path.string(), database.string()));
    RandomFrom random{options.entropy};
    CHECK(security::create_key_file(path, random));
    return security::MasterKeys::load_file(path);
}

Result<> check_canary(sql::Connection& db, security::Vault& vault) {
    TRY(const auto stored, store::read_meta(db, meta_canary));
    if (stored) {
        CHECK(vault.check_canary(*stored));
        if (!vault.is_canary_outdated(*stored)) return {};
    }
    return store::write_meta(db, meta_canary, vault.make_canary());
}

/// A sealed value of the installation, made of random bytes when it is not there yet.
Result<security::Secret> sealed_meta(sql::Connection& db, security::Vault& vault,
                                     runtime::Entropy& entropy, std::string_view name) {
    const security::Cell cell{nobody, "meta", "value", as_bytes(name)};
    TRY(const auto stored, store::read_meta(db, name));
    if (stored) return vault.open(cell, *stored);
    Bytes fresh(32);
    entropy.fill(fresh);
    TRY(const Bytes sealed, vault.seal(cell, fresh));
    CHECK(store::write_meta(db, name, sealed));
    return security::Secret::take(std::move(fresh));
}

Result<std::optional<security::Secret>> make_owner(sql::Connection& db,
                                                   const OpenOptions& options) {
    TRY(const auto keys, store::list_api_keys(db, std::nullopt, {.limit = 1}));
    if (!keys.rows.empty()) return std::nullopt;
    RandomFrom random{options.entropy};
    const Timestamp now = options.clock.wall();
    auto made = security::create_api_key(options.entropy.id<ApiKeyId>(now), random);
    store::ApiKeyRow row;
    row.id = made.id;
    row.name = "owner";
    row.role = static_cast<int>(security::Role::owner);
    row.hash = Bytes(made.hash.begin(), made.hash.end());
    row.created_at = now;
    CHECK(store::insert_api_key(db, row));
    return std::optional{std::move(made.text)};
}

/// The first things in the database, in one transaction.
Result<> prepare_installation(sql::Connection& db, const OpenOptions& options, OpenedData& out) {
    RandomFrom random{options.entropy};
    security::Vault vault{out.masters.copy(), random};
    intake::Keyring keys{vault, nobody};
    CHECK(db.begin());
    const auto work = [&]() -> Result<> {
        store::Tx tx{db};
        CHECK(check_canary(db, vault));
        CHECK(keys.ensure(tx, nobody, 0, options.clock.wall()));
        const WorkspaceId fresh = options.entropy.id<WorkspaceId>(options.clock.wall());
        CHECK(store::write_meta_once(db, store::meta::installation_id, fresh.bytes()));
        TRY(const auto id, store::read_meta(db, store::meta::installation_id));
        TRY(out.installation, WorkspaceId::from_bytes(id.value_or(Bytes{})));
        TRY(const auto seed, sealed_meta(db, vault, options.entropy, "ledger_seed"));
        out.secrets.ledger_seed = Bytes(seed.expose().begin(), seed.expose().end());
        TRY(out.secrets.link_key, sealed_meta(db, vault, options.entropy, "link_key"));
        TRY(out.secrets.cursor_key, sealed_meta(db, vault, options.entropy, "cursor_key"));
        TRY(out.owner_key, make_owner(db, options));
        // Before the commit: a key that nobody was told would lock everybody out for good. One that
        // was told and not committed is replaced by the next start.
        if (out.owner_key)
            CHECK(options.disk.replace(out.paths.owner_key(),
                                       std::string{out.owner_key->expose_text()} + "\n"));
        return {};
    };
    if (auto done = work(); !done) {
        db.rollback();
        return done;
    }
    return db.commit();
}

/// A master key that was put in front since the last start wraps every key from now on.
Result<> finish_rotation(sql::Connection& db, const OpenOptions& options, const OpenedData& data) {
    RandomFrom random{options.entropy};
    security::Vault vault{data.masters.copy(), random};
    CHECK(cli::rewrap_all(db, vault, data.masters.current().id));
    return {};
}

template <typename Row, typename List>
Result<std::vector<Row>> everything(List list) {
    std::vector<Row> out;
    std::int64_t after = 0;
    for (;;) {
        TRY(auto page, list(after));
        for (Row& row : page.rows) out.push_back(std::move(row));
        if (!page.next) return out;
        after = *page.next;
    }
}

store::PageOptions oldest_after(std::int64_t after) {
    return {.after = after, .limit = pages_of, .order = store::Order::oldest_first};
}

Result<DeliveryDefaults> defaults_of(const config::Settings& settings) {
    DeliveryDefaults out;
    out.concurrency = static_cast<std::uint32_t>(settings.delivery.concurrency);
    out.rate_per_second = static_cast<std::uint32_t>(settings.delivery.requests_per_second);
    out.timeout = settings.delivery.timeout;
    out.schedule = settings.delivery.schedule;
    if (auto made = delivery::Schedule::create(out.schedule); !made)
        return fail(Errc::invalid_argument, "delivery.schedule: " + made.error().detail);
    return out;
}

Result<routing::TargetPtr> target_of(const store::DestinationRow& row, Destination d,
                                     const DeliveryDefaults& defaults) {
    d.id = row.id;
    d.no = row.no;
    d.workspace_no = row.workspace_no;
    d.entity_no = row.entity_no;
    d.name = row.name;
    d.state = row.state;
    d.state_reason = row.state_reason;
    d.created_at = row.created_at;
    d.updated_at = row.updated_at;
    d.version = row.version;
    auto made = routing::make_target(d, defaults);
    if (made) return made;
    // A filter of another version's language must not let everything through, nor stop the start.
    d.filter.clear();
    d.state = DestinationState::disabled;
    d.state_reason = "filter_not_understood";
    return routing::make_target(std::move(d), defaults);
}

Result<routing::KeyFacts> key_of(const store::ApiKeyRow& row) {
    routing::KeyFacts out;
    out.no = row.no;
    out.id = row.id;
    out.workspace_no = row.workspace_no;
    out.name = row.name;
    out.role = static_cast<security::Role>(row.role);
    if (row.hash.size() != out.hash.size())
        return fail(Errc::corrupt, "a stored key hash is damaged");
    std::copy(row.hash.begin(), row.hash.end(), out.hash.begin());
    TRY(const json::Value scopes, json::parse(row.scopes));
    std::vector<std::string_view> texts;
    if (const json::Array* items = scopes.as_array())
        for (const json::Value& item : *items)
            if (const std::string* text = item.as_string()) texts.emplace_back(*text);
    if (!texts.empty()) {
        TRY(out.scopes, security::parse_scopes(texts));
    }
    out.expires_at = row.expires_at;
    out.revoked = row.revoked_at.has_value();
    return out;
}

Result<> load_keys(sql::Connection& db, std::optional<std::int64_t> workspace_no,
                   routing::Directory::Contents& into) {
    TRY(const auto rows, everything<store::ApiKeyRow>([&](std::int64_t after) {
            return store::list_api_keys(db, workspace_no, oldest_after(after));
        }));
    for (const store::ApiKeyRow& row : rows) {
        TRY(auto key, key_of(row));
        into.keys.push_back(std::move(key));
    }
    return {};
}

}  // namespace

Result<routing::DirectoryPtr> load_directory(sql::Connection& db, intake::Keyring& keys,
                                             DeliveryDefaults defaults) {
    routing::Directory::Contents out;
    out.defaults = std::move(defaults);
    TRY(const auto workspaces, everything<store::WorkspaceRow>([&](std::int64_t after) {
            return store::list_workspaces(db, oldest_after(after));
        }));
    CHECK(load_keys(db, std::nullopt, out));
    std::map<std::int64_t, WorkspaceId> ids;
    for (const store::WorkspaceRow& row : workspaces) {
        TRY(json::Value settings, json::parse(row.settings));
        out.workspaces.push_back({row.no, row.id, row.name, std::move(settings)});
        ids.emplace(row.no, row.id);
        CHECK(keys.load(db, row.id, row.no));
        TRY(const auto entities, everything<store::EntityRow>([&](std::int64_t after) {
                return store::list_entities(db, row.no, oldest_after(after));
            }));
        for (const store::EntityRow& e : entities)
            out.entities.push_back({e.no, e.id, e.workspace_no, e.reference, e.name});
        CHECK(load_keys(db, row.no, out));
    }
    TRY(const auto destinations, everything<store::DestinationRow>([&](std::int64_t after) {
            return store::list_all_destinations(db, after, pages_of);
        }));
    for (const store::DestinationRow& row : destinations) {
        TRY(json::Value stored, json::parse(row.config));
        TRY(const json::Value config,
            intake::open_config(std::move(stored), keys, ids[row.workspace_no], row.id));
        Destination destination;
        destination.kind = row.kind;
        CHECK(config_from_json(config, destination));
        TRY(auto target, target_of(row, std::move(destination), out.defaults));
        out.targets.push_back(std::move(target));
    }
    return std::make_shared<const routing::Directory>(routing::Directory::build(std::move(out)));
}

Result<OpenedData> open_data(const OpenOptions& options) {
    const DataPaths paths{options.settings.data.directory};
    CHECK(options.disk.make_directories(paths.root));
    TRY(auto masters, open_masters(options));
    store::SqliteOptions sqlite = options.database;
    sqlite.path = paths.database();
    sqlite.cache_kib = static_cast<int>(options.settings.store.page_cache_bytes / 1024);
    sqlite.clock = &options.clock;
    TRY(auto connection, store::SqliteConnection::open(std::move(sqlite)));
    store::MigrateOptions migration;
    migration.known = store::migrations();
    migration.now = options.clock.wall();
    CHECK(store::migrate(*connection, migration));
    CHECK(cli::take_back_subject_keys(*connection, options.disk, {paths.root}));
    OpenedData out{paths, std::move(masters), std::move(connection), {}, {}, {}, {}, 0};
    CHECK(prepare_installation(*out.writer, options, out));
    CHECK(finish_rotation(*out.writer, options, out));
    RandomFrom random{options.entropy};
    security::Vault vault{out.masters.copy(), random};
    intake::Keyring keys{vault, out.installation};
    TRY(auto defaults, defaults_of(options.settings));
    TRY(out.directory, load_directory(*out.writer, keys, std::move(defaults)));
    TRY(out.watermark, store::read_meta_number(*out.writer, store::meta::first_attempt_watermark));
    return out;
}

Result<std::unique_ptr<sql::Connection>> open_reader(const OpenOptions& options) {
    store::SqliteOptions sqlite = options.database;
    sqlite.path = DataPaths{options.settings.data.directory}.database();
    sqlite.access = store::Access::read_only;
    sqlite.cache_kib = 8 * 1024;
    sqlite.clock = &options.clock;
    TRY(auto connection, store::SqliteConnection::open(std::move(sqlite)));
    return std::unique_ptr<sql::Connection>{std::move(connection)};
}

}  // namespace blotter::server
