#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace blotter::sql {

/// A named statement in the SQL that SQLite and PostgreSQL share, with placeholders ?1, ?2, ….
/// Static objects only: a connection keeps the prepared statement under the object's address.
struct Query {
    std::string_view name;
    const char* text;
};

/// A prepared statement while it is in use. Indexes: parameters from 1, columns from 0. Views
/// given by `text` and `blob` are valid until the next `step`. Bound views must stay until then.
class Statement {
  public:
    virtual ~Statement() = default;
    virtual void bind_null(int index) = 0;
    virtual void bind_int(int index, std::int64_t value) = 0;
    virtual void bind_text(int index, std::string_view value) = 0;
    virtual void bind_blob(int index, ByteView value) = 0;
    /// True: a row is there. False: done. Errors: conflict (a unique constraint), storage_full,
    /// storage_failed, corrupt.
    virtual Result<bool> step() = 0;
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual std::string_view text(int column) const = 0;
    virtual ByteView blob(int column) const = 0;
    /// Ready to be bound again; lets go of what it read.
    virtual void reset() = 0;
};

/// What a connection is in the middle of.
enum class State : std::uint8_t {
    idle,
    in_transaction,
    broken,  ///< an I/O error or damage was seen: nothing more may be acknowledged
};

/// A moment at which a store may look after itself (SQLite: moves the log into the database).
enum class Upkeep : std::uint8_t {
    busy,     ///< between two groups under load: only what cannot wait
    idle,     ///< nothing is waiting
    full,     ///< after storage_full: make room
    closing,  ///< the last call before a clean end
};

/// One connection to the database. One thread at a time.
class Connection {
  public:
    virtual ~Connection() = default;
    /// Prepared once per connection, then lent again after `reset`.
    virtual Result<Statement*> prepare(const Query& query) = 0;
    /// A script of several statements, for migrations and settings.
    virtual Result<> execute(std::string_view script) = 0;
    virtual Result<> begin() = 0;
    /// Durable on success (synchronous=FULL). After a failure: `rollback`.
    virtual Result<> commit() = 0;
    virtual void rollback() = 0;
    /// One nested level inside a transaction.
    virtual Result<> savepoint() = 0;
    virtual Result<> release_savepoint() = 0;
    virtual void rollback_to_savepoint() = 0;
    /// Rows changed by the last statement.
    virtual std::int64_t changes() const = 0;
    /// Rows changed on this connection so far, also by what was undone. Nothing from a driver whose
    /// transactions do not survive a failed statement (PostgreSQL).
    virtual std::optional<std::int64_t> total_changes() const { return std::nullopt; }
    /// The integer key that the last INSERT made.
    virtual std::int64_t last_insert_id() const = 0;
    /// A storage error may have undone the transaction: look here after a failed statement.
    virtual State state() const = 0;
    /// Outside transactions. Fails only if the store can no longer be trusted.
    virtual Result<> upkeep(Upkeep when) = 0;
    /// What the rest of this transaction deletes is overwritten in the file, not only unlinked,
    /// and leaves the log at the next upkeep that can do so: erasure of keys.
    virtual Result<> overwrite_deleted() = 0;
    /// From then on statements end with Errc::timeout. MonoTime::max(): no deadline.
    virtual void set_deadline(MonoTime deadline) = 0;
};

// --- Arguments: integers, enums, text, bytes, ids, digests, timestamps, optionals of these. ---

inline void bind(Statement& s, int i, std::nullptr_t) {
    s.bind_null(i);
}
template <std::integral T>
void bind(Statement& s, int i, T value) {
    s.bind_int(i, static_cast<std::int64_t>(value));
}
template <typename T>
    requires std::is_enum_v<T>
void bind(Statement& s, int i, T value) {
    s.bind_int(i, static_cast<std::int64_t>(value));
}
inline void bind(Statement& s, int i, std::string_view value) {
    s.bind_text(i, value);
}
inline void bind(Statement& s, int i, const std::string& value) {
    s.bind_text(i, value);
}
inline void bind(Statement& s, int i, const char* value) {
    s.bind_text(i, value);
}
inline void bind(Statement& s, int i, ByteView value) {
    s.bind_blob(i, value);
}
inline void bind(Statement& s, int i, const Bytes& value) {
    s.bind_blob(i, value);
}
inline void bind(Statement& s, int i, const Digest& value) {
    s.bind_blob(i, value);
}
inline void bind(Statement& s, int i, Timestamp value) {
    s.bind_int(i, to_ms(value));
}
template <typename Tag>
void bind(Statement& s, int i, const Id<Tag>& value) {
    s.bind_blob(i, value.bytes());
}
template <typename T>
void bind(Statement& s, int i, const std::optional<T>& value) {
    if (value)
        bind(s, i, *value);
    else
        s.bind_null(i);
}

// --- Columns ---

inline Timestamp time_at(const Statement& s, int c) {
    return from_ms(s.integer(c));
}
inline std::optional<std::int64_t> integer_if(const Statement& s, int c) {
    if (s.is_null(c)) return std::nullopt;
    return s.integer(c);
}
inline std::optional<Timestamp> time_if(const Statement& s, int c) {
    if (s.is_null(c)) return std::nullopt;
    return time_at(s, c);
}
inline std::string string_at(const Statement& s, int c) {
    return std::string{s.text(c)};
}
inline std::optional<std::string> string_if(const Statement& s, int c) {
    if (s.is_null(c)) return std::nullopt;
    return string_at(s, c);
}
inline Bytes bytes_at(const Statement& s, int c) {
    const ByteView view = s.blob(c);
    return {view.begin(), view.end()};
}
/// A stored id; nil when the column is NULL or has another length.
template <typename IdType>
IdType id_at(const Statement& s, int c) {
    return IdType::from_bytes(s.blob(c)).value_or(IdType{});
}
template <typename IdType>
std::optional<IdType> id_if(const Statement& s, int c) {
    if (s.is_null(c)) return std::nullopt;
    return id_at<IdType>(s, c);
}

// --- Running ---

/// Lends a statement and resets it at the end of the scope.
class Use {
  public:
    explicit Use(Statement* statement) : statement_(statement) {}
    ~Use() { statement_->reset(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    Statement* operator->() { return statement_; }
    Statement& operator*() { return *statement_; }

  private:
    Statement* statement_;
};

template <typename... Args>
void bind_all(Statement& s, const Args&... args) {
    int i = 0;
    (bind(s, ++i, args), ...);
}

/// Runs a statement that gives no rows.
template <typename... Args>
Result<> run(Connection& connection, const Query& query, const Args&... args) {
    TRY(Statement* const prepared, connection.prepare(query));
    Use use{prepared};
    bind_all(*use, args...);
    CHECK(use->step());
    return {};
}

/// The first row, read by `read(const Statement&)`, or nothing.
template <typename Read, typename... Args>
auto one(Connection& connection, const Query& query, Read read, const Args&... args)
    -> Result<std::optional<std::invoke_result_t<Read, const Statement&>>> {
    TRY(Statement* const prepared, connection.prepare(query));
    Use use{prepared};
    bind_all(*use, args...);
    TRY(const bool found, use->step());
    if (!found) return std::nullopt;
    return read(std::as_const(*use));
}

/// Every row. The statement itself carries the LIMIT.
template <typename Read, typename... Args>
auto all(Connection& connection, const Query& query, Read read, const Args&... args)
    -> Result<std::vector<std::invoke_result_t<Read, const Statement&>>> {
    TRY(Statement* const prepared, connection.prepare(query));
    Use use{prepared};
    bind_all(*use, args...);
    std::vector<std::invoke_result_t<Read, const Statement&>> rows;
    for (;;) {
        TRY(const bool found, use->step());
        if (!found) return rows;
        rows.push_back(read(std::as_const(*use)));
    }
}

}  // namespace blotter::sql
