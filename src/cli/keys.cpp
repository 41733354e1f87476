#include "cli/keys.hpp"

#include <algorithm>

#include "cli/installation.hpp"
#include "config/load.hpp"
#include "runtime/entropy.hpp"
#include "store/tables/keys.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {
namespace {

class FreshRandom final : public security::RandomSource {
  public:
    void fill(std::span<std::uint8_t> out) override { entropy_.fill(out); }

  private:
    runtime::SystemEntropy entropy_;
};

/// As the keyring stores it: the purpose is the first byte of the commitment column.
Result<security::WrappedKey> wrapped_in(sql::Connection& db, const store::DataKeyRow& row) {
    security::WrappedKey key;
    if (row.commitment.size() != 1 + key.commitment.size())
        return fail(Errc::corrupt, "a stored workspace key has a commitment of another length");
    if (row.workspace_no != 0) {
        TRY(const auto workspace, store::load_workspace(db, row.workspace_no));
        if (!workspace) return fail(Errc::corrupt, "a key belongs to a workspace that is missing");
        key.workspace = workspace->id;
    }
    key.id = row.id;
    key.purpose = static_cast<security::KeyPurpose>(row.commitment[0]);
    key.master_id = row.kek_id;
    key.created_at = row.created_at;
    key.wrapped = row.wrapped;
    std::copy(row.commitment.begin() + 1, row.commitment.end(), key.commitment.begin());
    return key;
}

int rewrap_in(Console& console, Installation& in, const config::Settings& settings) {
    const auto masters = load_master_keys(settings);
    if (!masters) return console.failed(masters.error());
    const auto count = rewrap_all(in.db(), in.keys().vault(), masters->current().id);
    if (!count) return console.failed(count.error());
    console.line("✓ {} keys in the database were wrapped anew under the current master key",
                 *count);
    console.line("Next: put a copy of the key file apart from the backups. Its older lines open");
    console.line("older backups only: remove them when those are gone.");
    return exit_ok;
}

}  // namespace

Result<std::int64_t> rewrap_slice(sql::Connection& db, security::Vault& vault,
                                  const std::string& current) {
    TRY(const auto rows, store::list_data_keys_not_under(db, current, rewrap_slice_rows));
    for (const store::DataKeyRow& row : rows) {
        TRY(const auto old, wrapped_in(db, row));
        TRY(const auto fresh, vault.rewrap(old));
        CHECK(store::rewrap_data_key(db, row.id, {row.kek_id, fresh.master_id, fresh.wrapped}));
    }
    return static_cast<std::int64_t>(rows.size());
}

Result<> renew_canary(sql::Connection& db, security::Vault& vault) {
    TRY(const auto canary, store::read_meta(db, "master_key_canary"));
    if (!canary) return fail(Errc::precondition_failed, "the database was never used by a server");
    CHECK(vault.check_canary(*canary));
    if (!vault.is_canary_outdated(*canary)) return {};
    return store::write_meta(db, "master_key_canary", vault.make_canary());
}

Result<std::int64_t> rewrap_all(sql::Connection& db, security::Vault& vault,
                                const std::string& current) {
    CHECK(db.begin());
    const auto work = [&]() -> Result<std::int64_t> {
        CHECK(renew_canary(db, vault));
        for (std::int64_t all = 0;;) {
            TRY(const std::int64_t some, rewrap_slice(db, vault, current));
            if (some == 0) return all;
            all += some;
        }
    };
    auto count = work();
    if (!count) {
        db.rollback();
        return count;
    }
    CHECK(db.commit());
    return count;
}

int create_keys(Console& console, const std::filesystem::path& file) {
    FreshRandom random;
    if (auto made = security::create_key_file(file, random); !made)
        return console.failed(made.error());
    console.line("✓ {} holds a fresh master key", file.string());
    console.line("Name it with --keys.file={} before the first start.", file.string());
    console.line("Keep a copy apart from the backups: without it no backup can be read, and with");
    console.line("it everybody who has a backup can read it.");
    return exit_ok;
}

int rewrap_keys(Console& console, const config::Settings& settings) {
    auto in = Installation::open(settings, store::Access::read_write);
    if (!in) return console.failed(in.error());
    return rewrap_in(console, **in, settings);
}

int rotate_keys(Console& console, const config::Settings& settings) {
    if (settings.keys.master.is_set())
        return console.failed(
            {Errc::precondition_failed,
             "the master key comes from keys.master: put a fresh one in front of it there, "
             "separated by a comma (openssl rand -base64 32), and restart: a start wraps the keys "
             "in "
             "the database anew"});
    const auto file = config::key_file_for(settings);
    FreshRandom random;
    if (auto added = security::add_key_to_file(file, random); !added)
        return console.failed(added.error());
    console.line("✓ {} begins with a fresh master key; the older ones still open what they wrapped",
                 file.string());
    auto in = Installation::open(settings, store::Access::read_write);
    if (!in && in.error().code == Errc::conflict) {
        console.line("A server has the database and goes on with the old key.");
        console.line(
            "Next: send it SIGHUP (kill -HUP …, or systemctl reload blotter): it reads the");
        console.line(
            "file again and wraps the keys in the database anew, without a pause. A server");
        console.line(
            "that was given a copy of the file at its start (LoadCredential) needs a restart.");
        return exit_ok;
    }
    if (!in) return console.failed(in.error());
    return rewrap_in(console, **in, settings);
}

}  // namespace blotter::cli
