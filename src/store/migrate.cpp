#include "store/migrate.hpp"

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::store {

namespace {

using sql::Query;

// The checksum is text: the two engines name their byte types differently.
constexpr const char* create_table =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " number INTEGER NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " checksum TEXT NOT NULL,"
    " applied_ms INTEGER NOT NULL)";
constexpr Query select_applied{
    "list migrations",
    "SELECT number, name, checksum FROM schema_migration ORDER BY number LIMIT 10000"};
constexpr Query insert_applied{
    "record migration",
    "INSERT INTO schema_migration (number, name, checksum, applied_ms) VALUES (?1, ?2, ?3, ?4)"};

struct Applied {
    int number;
    std::string name;
    std::string checksum;
};

std::string checksum_of(const Migration& migration) {
    return to_hex(sha256(migration.sql));
}

Applied read_applied(const sql::Statement& row) {
    return {static_cast<int>(row.integer(0)), sql::string_at(row, 1), sql::string_at(row, 2)};
}

Result<> compare(const Applied& applied, const Migration& known) {
    if (applied.number != known.number)
        return fail(Errc::precondition_failed,
                    fmt::format("the database lacks schema step {} ({}) but has step {}: it was "
                                "changed by hand. Restore a backup",
                                known.number, known.name, applied.number));
    if (applied.name != known.name || applied.checksum != checksum_of(known))
        return fail(Errc::precondition_failed,
                    fmt::format("schema step {} was applied as '{}' with another content than "
                                "this program's '{}': this is not a released build of Blotter, "
                                "or the database was made by one that is not",
                                applied.number, applied.name, known.name));
    return {};
}

Result<> apply(sql::Connection& connection, const Migration& step, const MigrateOptions& options) {
    CHECK(connection.begin());
    Result<> done = connection.execute(render(options.dialect, step.sql));
    if (done)
        done = sql::run(connection, insert_applied, step.number, step.name, checksum_of(step),
                        options.now);
    if (done) done = connection.commit();
    if (done) return {};
    connection.rollback();
    return fail(done.error().code, fmt::format("schema step {} ({}) failed and was undone: {}",
                                               step.number, step.name, done.error().detail));
}

}  // namespace

Result<MigrationPlan> plan_migrations(sql::Connection& connection, Dialect dialect,
                                      std::span<const Migration> known) {
    for (std::size_t i = 0; i < known.size(); ++i)
        INVARIANT(known[i].number == static_cast<int>(i) + 1);
    CHECK(connection.execute(render(dialect, create_table)));
    TRY(const auto applied, sql::all(connection, select_applied, read_applied));
    if (applied.size() > known.size())
        return fail(Errc::precondition_failed,
                    fmt::format("the database has schema step {} ({}), this program knows only {}: "
                                "it was used by a newer Blotter. Install that version or later, "
                                "or restore the backup made before the upgrade",
                                applied.back().number, applied.back().name, known.size()));
    for (std::size_t i = 0; i < applied.size(); ++i) CHECK(compare(applied[i], known[i]));
    return MigrationPlan{static_cast<int>(applied.size()), known.subspan(applied.size())};
}

Result<MigrationPlan> migrate(sql::Connection& connection, const MigrateOptions& options) {
    TRY(const MigrationPlan plan, plan_migrations(connection, options.dialect, options.known));
    if (options.before && plan.applied > 0 && !plan.todo.empty()) CHECK(options.before(plan));
    for (const Migration& step : plan.todo) CHECK(apply(connection, step, options));
    return plan;
}

}  // namespace blotter::store
