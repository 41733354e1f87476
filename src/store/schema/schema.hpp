#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace blotter::store {

/// Which engine a script is written out for.
enum class Dialect : std::uint8_t { sqlite, postgres };

/// One step of the schema. `sql` is a script in the SQL that both engines share: INTEGER is a
/// 64-bit number, BLOB is bytes, TEXT is UTF-8. Comments mark where they differ:
///
///   /*auto*/    behind INTEGER PRIMARY KEY: a number that is never given twice
///   /*next*/    the same for hot tables: SQLite takes the number after the largest, so the row
///               with the largest must not be deleted while anything still names it
///   /*strict*/  behind a table: declared types are enforced
///   /*keyed*/   behind a table: rows live in the primary key's tree, and types are enforced
struct Migration {
    int number;  ///< from 1, without gaps; never changed once released
    std::string_view name;
    std::string_view sql;
};

/// All steps, in order of number: what `migrate` (store/migrate.hpp) brings a database to.
std::span<const Migration> migrations();

/// The script with the markers replaced; for PostgreSQL also INTEGER by BIGINT and BLOB by BYTEA.
std::string render(Dialect dialect, std::string_view sql);

}  // namespace blotter::store
