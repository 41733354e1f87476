#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "base/invariant.hpp"
#include "store/tables/common.hpp"

/// What the sources of this folder share. Not for other rooms.
namespace blotter::store::detail {

/// A piece of SQL that is put together while compiling.
template <std::size_t N>
struct Text {
    char chars[N]{};
    consteval Text() = default;
    consteval Text(const char (&text)[N]) { std::copy_n(text, N, chars); }
};
template <std::size_t N, std::size_t M>
consteval Text<N + M - 1> operator+(const Text<N>& left, const Text<M>& right) {
    Text<N + M - 1> out;
    std::copy_n(left.chars, N - 1, out.chars);
    std::copy_n(right.chars, M, out.chars + N - 1);
    return out;
}
template <std::size_t N, std::size_t M>
consteval Text<N + M - 1> operator+(const Text<N>& left, const char (&right)[M]) {
    return left + Text<M>{right};
}
/// Gives the text a place of its own, so that a Query can point to it.
template <Text T>
inline constexpr auto kept = T;

/// How far the wall clock may have been set back without a walk in order of time missing a row.
inline constexpr Duration clock_slack = std::chrono::hours{1};

inline std::size_t limit_of(std::size_t limit) {
    return std::clamp<std::size_t>(limit, 1, page_rows_max);
}

/// Where a list begins: lists compare with `<` for the newest first and `>` for the oldest first.
inline std::int64_t start_of(const PageOptions& page) {
    if (page.after != 0 || page.order == Order::oldest_first) return page.after;
    return std::numeric_limits<std::int64_t>::max();
}

/// A list in both directions.
struct Both {
    sql::Query newest_first;
    sql::Query oldest_first;
    const sql::Query& in(Order order) const {
        return order == Order::newest_first ? newest_first : oldest_first;
    }
};

/// Runs a statement and says whether it changed a row.
template <typename... Args>
Result<Applied> change(sql::Connection& db, const sql::Query& query, const Args&... args) {
    CHECK(sql::run(db, query, args...));
    return db.changes() > 0 ? Applied::yes : Applied::no;
}

/// Runs an INSERT and gives the number that it made.
template <typename... Args>
Result<std::int64_t> insert(sql::Connection& db, const sql::Query& query, const Args&... args) {
    CHECK(sql::run(db, query, args...));
    return db.last_insert_id();
}

/// Runs a DELETE and gives how many rows went.
template <typename... Args>
Result<std::int64_t> purge(sql::Connection& db, const sql::Query& query, const Args&... args) {
    CHECK(sql::run(db, query, args...));
    return db.changes();
}

/// One page of rows that have a `no`. Binds `args`, then the start, then the limit.
template <typename Read, typename... Args>
auto list_after(sql::Connection& db, const sql::Query& query, const PageOptions& page, Read read,
                const Args&... args)
    -> Result<Page<std::invoke_result_t<Read, const sql::Statement&>>> {
    const std::size_t limit = limit_of(page.limit);
    TRY(auto rows, sql::all(db, query, read, args..., start_of(page), limit));
    Page<std::invoke_result_t<Read, const sql::Statement&>> out{std::move(rows), {}};
    if (out.rows.size() == limit) out.next = out.rows.back().no;
    return out;
}
/// The same in the direction that the page asks for.
template <typename Read, typename... Args>
auto list(sql::Connection& db, const Both& queries, const PageOptions& page, Read read,
          const Args&... args) {
    return list_after(db, queries.in(page.order), page, read, args...);
}

/// Walks a bound statement whose first column is the position, and collects what `keep` lets
/// through, until `limit` rows are kept or `scanned_max` (the statement's own LIMIT) were seen.
template <typename Keep, typename Read>
auto scan(sql::Statement& statement, std::size_t limit, Keep keep, Read read,
          std::size_t scanned_max)
    -> Result<Page<std::invoke_result_t<Read, const sql::Statement&>>> {
    Page<std::invoke_result_t<Read, const sql::Statement&>> out;
    std::int64_t position = 0;
    for (std::size_t seen = 0; seen < scanned_max; ++seen) {
        TRY(const bool found, statement.step());
        if (!found) return out;
        position = statement.integer(0);
        if (!keep(std::as_const(statement))) continue;
        out.rows.push_back(read(std::as_const(statement)));
        if (out.rows.size() == limit) break;
    }
    out.next = position;
    return out;
}

/// Rows by number, which is the order of their making: what retention walks.
struct OldWalk {
    const sql::Query& query;  ///< binds what the caller gives, then the limit
    int made_column = 0;      ///< the time of making
    Timestamp before;
    std::size_t limit = 0;
};
/// Those that `keep` lets through. Ends at the first row that is young: after it there is no old
/// one.
template <typename Keep, typename Read, typename... Args>
auto walk_old(sql::Connection& db, const OldWalk& walk, Keep keep, Read read, const Args&... args)
    -> Result<Page<std::invoke_result_t<Read, const sql::Statement&>>> {
    const std::size_t limit = limit_of(walk.limit);
    TRY(sql::Statement* const prepared, db.prepare(walk.query));
    sql::Use use{prepared};
    sql::bind_all(*use, args..., limit);
    bool reached_end = false;
    const auto keep_old = [&](const sql::Statement& s) {
        reached_end = sql::time_at(s, walk.made_column) >= walk.before + clock_slack;
        return keep(s);
    };
    TRY(auto page, scan(*use, limit, keep_old, read, limit));
    if (reached_end) page.next.reset();
    return page;
}

/// How many rows of a bound statement `keep` lets through, up to `cap`.
template <typename Keep>
Result<Count> count(sql::Statement& statement, std::int64_t cap, Keep keep,
                    std::int64_t scanned_max) {
    Count out;
    for (std::int64_t seen = 0;; ++seen) {
        TRY(const bool found, statement.step());
        if (!found) return out;
        const bool kept_one = keep(std::as_const(statement));
        if (seen == scanned_max || (kept_one && out.n == cap)) {
            out.complete = false;
            return out;
        }
        if (kept_one) ++out.n;
    }
}

/// How many rows a statement gives whose last argument is its LIMIT: counted up to `cap`.
template <typename... Args>
Result<Count> count_rows(sql::Connection& db, const sql::Query& query, std::int64_t cap,
                         const Args&... args) {
    TRY(sql::Statement* const prepared, db.prepare(query));
    sql::Use use{prepared};
    sql::bind_all(*use, args..., cap + 1);
    return count(*use, cap, [](const sql::Statement&) { return true; }, cap + 1);
}

/// How many attempts and skips one delivery's part of the attempt keys has room for: an attempt
/// and a skip for each number of attempts.
inline constexpr std::int64_t attempt_keys = 64;
/// The first attempt key of a delivery; the next delivery's is the end of its part.
inline std::int64_t attempts_begin(std::int64_t delivery_no) {
    return delivery_no * attempt_keys;
}
inline std::int64_t attempt_key(std::int64_t delivery_no, std::uint32_t n) {
    INVARIANT(n < attempt_keys / 2);
    return attempts_begin(delivery_no) + std::int64_t{n} * 2;
}
/// Of the wait after `n` attempts.
inline std::int64_t skip_key(std::int64_t delivery_no, std::uint32_t n) {
    return attempt_key(delivery_no, n) + 1;
}

inline std::int64_t first_integer(const sql::Statement& s) {
    return s.integer(0);
}

/// A stored digest; zeros when the column has another length.
inline Digest digest_at(const sql::Statement& s, int column) {
    Digest out{};
    const ByteView stored = s.blob(column);
    if (stored.size() == out.size()) std::ranges::copy(stored, out.begin());
    return out;
}
template <typename Enum>
Enum enum_at(const sql::Statement& s, int column) {
    return static_cast<Enum>(s.integer(column));
}

/// Empty text is stored as NULL where most rows have none: a NULL costs one byte and no more.
inline std::optional<std::string_view> text_or_null(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return text;
}
inline std::string text_if(const sql::Statement& s, int column) {
    return s.is_null(column) ? std::string{} : sql::string_at(s, column);
}

}  // namespace blotter::store::detail
