#pragma once

#include <functional>
#include <span>

#include "store/schema/schema.hpp"
#include "store/sql.hpp"

namespace blotter::store {

/// Where a database stands.
struct MigrationPlan {
    int applied = 0;                  ///< the number of the last applied step; 0: a new database
    std::span<const Migration> todo;  ///< a tail of the program's list
};

/// Compares the table `schema_migration` with the program's list and changes nothing but to make
/// that table. Errors: precondition_failed when the database is newer than the program, when an
/// applied step was changed or renamed, or when steps are missing.
Result<MigrationPlan> plan_migrations(sql::Connection& connection, Dialect dialect,
                                      std::span<const Migration> known);

struct MigrateOptions {
    Dialect dialect = Dialect::sqlite;
    std::span<const Migration> known;  ///< numbers 1, 2, 3, … ; usually `migrations()`
    Timestamp now;
    /// Called once before the first step on a database that has data: the place for a backup. Its
    /// failure stops everything.
    std::function<Result<>(const MigrationPlan&)> before{};
};

/// Brings the schema up to date: each step in its own transaction together with its row, so a
/// failing step changes nothing, and those before it stay. Gives the plan that was carried out.
/// With the writing connection, before the writer has it.
Result<MigrationPlan> migrate(sql::Connection& connection, const MigrateOptions& options);

}  // namespace blotter::store
