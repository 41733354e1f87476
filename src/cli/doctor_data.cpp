#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.hpp"
#include "cli/installation.hpp"
#include "cli/signing.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/database_file.hpp"
#include "store/tables/events.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes clock_tolerance{1};

Diagnosis look_at_folder(const fs::path& root) {
    constexpr const char* name = "data directory";
    struct stat info{};
    if (::stat(root.c_str(), &info) != 0)
        return {Health::warning, name,
                fmt::format("{} does not exist yet: the first start makes it", root.string())};
    if (!S_ISDIR(info.st_mode))
        return {Health::failure, name, fmt::format("{} is no directory", root.string())};
    if (info.st_uid != ::geteuid() && ::geteuid() != 0)
        return {Health::failure, name,
                fmt::format("{} belongs to another user: run as that user, or: chown -R {} {}",
                            root.string(), ::geteuid(), root.string())};
    if (::access(root.c_str(), R_OK | W_OK | X_OK) != 0)
        return {
            Health::failure, name,
            fmt::format("{} cannot be written to: chmod u=rwx {}", root.string(), root.string())};
    if ((info.st_mode & 077) != 0)
        return {Health::failure, name,
                fmt::format("others may look into {} (mode {:o}): chmod 0700 {}", root.string(),
                            info.st_mode & 07777, root.string())};
    if (auto local = store::require_local_file_system(root); !local)
        return {Health::failure, name, local.error().detail};
    return {Health::ok, name, fmt::format("{}, for its owner only", root.string())};
}

Diagnosis look_at_keys(const config::Settings& settings, bool is_used) {
    constexpr const char* name = "master key";
    const auto keys = load_master_keys(settings);
    if (keys)
        return {Health::ok, name,
                fmt::format("{}, {} in all, current {}",
                            settings.keys.master.is_set() ? std::string{"from the environment"}
                                                          : config::key_file_for(settings).string(),
                            keys->all().size(), keys->current().id)};
    if (keys.error().code == Errc::not_found && !is_used)
        return {Health::warning, name, "there is none yet: the first start makes one"};
    return {Health::failure, name, keys.error().detail};
}

Diagnosis look_at_schema(sql::Connection& db) {
    constexpr const char* name = "schema";
    const auto plan = store::plan_migrations(db, store::Dialect::sqlite, store::migrations());
    if (!plan) return {Health::failure, name, plan.error().detail};
    if (plan->todo.empty()) return {Health::ok, name, fmt::format("step {}", plan->applied)};
    return {Health::warning, name,
            fmt::format("step {} of {}: the next start brings it up to date; take a backup before",
                        plan->applied, plan->todo.back().number)};
}

std::vector<Diagnosis> look_at_database(const fs::path& path) {
    constexpr const char* name = "database";
    store::SqliteOptions options;
    options.path = path;
    options.access = store::Access::read_only;
    const auto db = store::SqliteConnection::open(std::move(options));
    if (!db) return {{Health::failure, name, db.error().detail}};
    if (auto sound = (*db)->quick_check(); !sound)
        return {{Health::failure, name,
                 sound.error().detail + ": restore the newest backup, and keep this file"}};
    return {{Health::ok, name, path.string() + ", every page read"}, look_at_schema(**db)};
}

Diagnosis look_at_ledger(Installation& in) {
    constexpr const char* name = "ledger";
    const auto stuck = find_stuck_logs(in);
    if (!stuck) return {Health::failure, name, stuck.error().detail};
    if (!stuck->empty()) return {Health::failure, name, stuck->front().answer.words};
    return {Health::ok, name,
            "agrees with what was signed last; `blotter ledger verify` looks at every entry"};
}

Diagnosis look_at_clock(Installation& in) {
    constexpr const char* name = "time";
    const Timestamp now = in.clock().wall();
    const auto last = store::last_event_seq(in.db());
    if (last && *last > 0) {
        const auto event = store::load_event(in.db(), *last, store::Payload::skip);
        if (event && *event && (*event)->accepted_at > now + clock_tolerance)
            return {Health::failure, name,
                    fmt::format("it is {}, but the newest event was accepted at {}: set the clock",
                                to_rfc3339(now), to_rfc3339((*event)->accepted_at))};
    }
    return {Health::ok, name, to_rfc3339(now) + ", not before the newest event"};
}

}  // namespace

std::vector<Diagnosis> diagnose_data(const config::Settings& settings) {
    const InstallationPaths paths{settings.data.directory};
    std::error_code error;
    const bool is_used = fs::exists(paths.database(), error);
    std::vector<Diagnosis> out{look_at_folder(paths.root), look_at_keys(settings, is_used)};
    if (!is_used) {
        out.push_back(
            {Health::warning, "database", "there is none yet: the first start makes one"});
        return out;
    }
    for (Diagnosis& one : look_at_database(paths.database())) out.push_back(std::move(one));
    for (const Diagnosis& one : out)
        if (one.health == Health::failure) return out;
    const auto in = Installation::open(settings);
    if (!in) {
        out.push_back({Health::failure, "installation", in.error().detail});
        return out;
    }
    out.push_back(look_at_ledger(**in));
    out.push_back(look_at_clock(**in));
    if (fs::exists(paths.subject_keys(), error))
        out.push_back({Health::warning, "backup",
                       "this is a restored backup: the next start takes the keys of persons' data "
                       "back into the database"});
    return out;
}

}  // namespace blotter::cli
