#include "cli/installation.hpp"

#include <fmt/format.h>

#include "config/load.hpp"
#include "runtime/entropy.hpp"
#include "store/migrate.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {
namespace {

/// The nil workspace stands for the installation in the vault.
constexpr WorkspaceId nobody{};

Result<> require_current_schema(store::SqliteConnection& db) {
    TRY(const auto plan, store::plan_migrations(db, store::Dialect::sqlite, store::migrations()));
    if (plan.todo.empty()) return {};
    return fail(Errc::precondition_failed,
                fmt::format("the database has schema step {}, this program needs {}: start the "
                            "server once, it brings the database up to date",
                            plan.applied, plan.todo.back().number));
}

}  // namespace

class Installation::Random final : public security::RandomSource {
  public:
    void fill(std::span<std::uint8_t> out) override { entropy_.fill(out); }

  private:
    runtime::SystemEntropy entropy_;
};

Installation::~Installation() = default;

Result<security::MasterKeys> load_master_keys(const config::Settings& settings) {
    const config::SecretText& text = settings.keys.master;
    if (text.is_set()) return security::MasterKeys::parse(text.reveal(), "keys.master");
    return security::MasterKeys::load_file(config::key_file_for(settings));
}

Result<std::unique_ptr<Installation>> Installation::open(const config::Settings& settings,
                                                         store::Access access) {
    std::unique_ptr<Installation> out{new Installation};
    out->paths_.root = settings.data.directory;
    const auto database = out->paths_.database();
    if (!std::filesystem::exists(database))
        return fail(Errc::not_found,
                    fmt::format("there is no database {}: name the data directory with "
                                "--data.directory=DIR",
                                database.string()));
    store::SqliteOptions options;
    options.path = database;
    options.access = access;
    options.cache_kib = 16 * 1024;
    options.clock = &out->clock_;
    TRY(out->db_, store::SqliteConnection::open(std::move(options)));
    CHECK(require_current_schema(*out->db_));
    CHECK(out->open_keys(settings));
    return out;
}

Result<> Installation::open_keys(const config::Settings& settings) {
    TRY(auto masters, load_master_keys(settings));
    random_ = std::make_unique<Random>();
    vault_ = std::make_unique<security::Vault>(std::move(masters), *random_);
    TRY(const auto canary, store::read_meta(*db_, "master_key_canary"));
    TRY(const auto id, store::read_meta(*db_, store::meta::installation_id));
    if (!canary || !id)
        return fail(Errc::precondition_failed,
                    "the database was never used by a server: start `blotter serve` once");
    CHECK(vault_->check_canary(*canary));
    TRY(const auto installation, WorkspaceId::from_bytes(*id));
    keys_ = std::make_unique<intake::Keyring>(*vault_, installation);
    return keys_->load(*db_, nobody, 0);
}

Result<ledger::LogState> Installation::log_state() {
    auto text = disk_->read_all(paths_.last_signed(), ledger::log_state_bytes_max);
    if (!text && text.error().code == Errc::not_found) return ledger::LogState{};
    if (!text) return pass(std::move(text).error());
    return ledger::decode_log_state(*text);
}

Result<Bytes> Installation::ledger_seed() {
    if (seed_) return *seed_;
    TRY(const auto sealed, store::read_meta(*db_, "ledger_seed"));
    if (!sealed) return fail(Errc::corrupt, "the key of the ledger is missing from the database");
    TRY(const auto seed, vault_->open({nobody, "meta", "value", as_bytes("ledger_seed")}, *sealed));
    if (seed.size() != 32) return fail(Errc::corrupt, "the key of the ledger is not 32 bytes long");
    seed_.emplace(seed.expose().begin(), seed.expose().end());
    return *seed_;
}

Result<ledger::NoteVerifier> Installation::verifier(const std::string& origin) {
    TRY(const Bytes seed, ledger_seed());
    TRY(const auto signer,
        ledger::NoteSigner::create(origin, std::span<const std::uint8_t, 32>{seed.data(), 32}));
    return signer.verifier();
}

Result<std::vector<store::LogRow>> Installation::logs() {
    std::vector<store::LogRow> out;
    for (std::int64_t after = 0;;) {
        TRY(auto page, store::list_logs(*db_, after, 500));
        for (store::LogRow& row : page.rows) {
            after = row.no;
            out.push_back(std::move(row));
        }
        if (!page.next) return out;
    }
}

}  // namespace blotter::cli
