#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/sql.hpp"

namespace blotter::store {

/// Which engine a script is written out for.
enum class Dialect : std::uint8_t { sqlite, postgres };

/// One step of the schema. `sql` is a script in the SQL that both engines share: INTEGER is a
/// 64-bit number, BLOB is bytes, TEXT is UTF-8. Three comments mark where they differ:
///
///   /*auto*/    behind INTEGER PRIMARY KEY: a number that is never given twice
///   /*strict*/  behind a table: declared types are enforced
///   /*keyed*/   behind a table: rows live in the primary key's tree, and types are enforced
///
/// The markers are comments, so a raw script runs on SQLite too, only without those properties.
struct Migration {
    int number;  ///< from 1, without gaps; never changed once released
    std::string_view name;
    std::string_view sql;
};

/// All of them, in order of number.
std::span<const Migration> migrations();

/// The script with the markers replaced; for PostgreSQL also INTEGER by BIGINT and BLOB by BYTEA.
std::string render(Dialect dialect, std::string_view sql);

/// Brings the database up to the newest step, each in a transaction of its own, and gives its
/// number. A database that is newer than this program is refused (Errc::unavailable). Called once
/// at start with the writing connection, before the writer has it.
Result<int> migrate(sql::Connection& db, Dialect dialect);

/// The number of the last step applied; 0 for an empty database.
Result<int> schema_version(sql::Connection& db, Dialect dialect);

}  // namespace blotter::store
