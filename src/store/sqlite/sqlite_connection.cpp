#include "store/sqlite/sqlite_connection.hpp"

#include <bit>
#include <cerrno>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/invariant.hpp"
#include "store/sqlite/database_file.hpp"
#include "store/sqlite/log_mover.hpp"
#include "store/sqlite/log_vfs.hpp"

namespace blotter::store {

namespace {

using sql::Query;

constexpr Query begin_immediate{"begin", "BEGIN IMMEDIATE"};
constexpr Query begin_deferred{"begin reading", "BEGIN DEFERRED"};
constexpr Query commit_all{"commit", "COMMIT"};
constexpr Query rollback_all{"rollback", "ROLLBACK"};
constexpr Query savepoint_open{"savepoint", "SAVEPOINT s"};
constexpr Query savepoint_release{"release savepoint", "RELEASE s"};
constexpr Query savepoint_undo{"rollback to savepoint", "ROLLBACK TO s"};
constexpr Query quick_check_query{"quick_check", "PRAGMA quick_check(1)"};

/// "Blot": says in the file's header whose it is.
constexpr std::int64_t application_id = 0x426c6f74;
constexpr std::int64_t synchronous_full = 2;

/// Deadlines are looked at every so many steps of SQLite's machine: some ten microseconds.
constexpr int steps_per_look = 1'000;

bool out_of_space(int system_error) {
    return system_error == ENOSPC || system_error == EDQUOT;
}

/// Whether an I/O error was a full disk in disguise (SQLite names only ENOSPC in a write as FULL).
/// A failed sync never is: what it lost is not known.
bool is_full(int code, int system_error) {
    if (code == SQLITE_FULL) return true;
    switch (code) {
        case SQLITE_IOERR_WRITE:
        case SQLITE_IOERR_TRUNCATE:
        case SQLITE_IOERR_SHMOPEN:
        case SQLITE_IOERR_SHMSIZE:
        case SQLITE_IOERR_SHMMAP:
            return out_of_space(system_error);
        default:
            return false;
    }
}

Errc kind_of(int code) {
    switch (code) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID:
            return Errc::conflict;
        default:
            break;
    }
    switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Errc::corrupt;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY:
        case SQLITE_NOMEM:
        case SQLITE_NOLFS:
            return Errc::storage_failed;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
            return Errc::unavailable;
        case SQLITE_INTERRUPT:
            return Errc::timeout;
        case SQLITE_TOOBIG:
            return Errc::too_large;
        default:
            return Errc::internal;
    }
}

}  // namespace

/// A prepared statement that lives as long as its connection.
class SqliteStatement final : public sql::Statement {
  public:
    SqliteStatement(SqliteConnection& owner, sqlite3_stmt* handle, const Query& query)
        : owner_(owner),
          handle_(handle),
          query_(query),
          parameters_(sqlite3_bind_parameter_count(handle)) {
        INVARIANT(parameters_ <= 64);
    }
    ~SqliteStatement() override { sqlite3_finalize(handle_); }

    void bind_null(int index) override { bound(index, sqlite3_bind_null(handle_, index)); }
    void bind_int(int index, std::int64_t value) override {
        bound(index, sqlite3_bind_int64(handle_, index, value));
    }
    // SQLITE_STATIC: no copy, the caller keeps the bytes until `reset`. A null pointer would bind
    // NULL, so empty values get an address.
    void bind_text(int index, std::string_view value) override {
        bound(index, sqlite3_bind_text64(handle_, index, value.data() ? value.data() : "",
                                         value.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    void bind_blob(int index, ByteView value) override {
        const void* data = value.data() ? static_cast<const void*>(value.data()) : "";
        bound(index, sqlite3_bind_blob64(handle_, index, data, value.size(), SQLITE_STATIC));
    }
    Result<bool> step() override {
        // A statement with an unbound parameter would read what the last caller bound, which may
        // be gone.
        INVARIANT(std::popcount(bound_) == parameters_);
        if (bind_code_ != SQLITE_OK) return owner_.failure(bind_code_, query_.name);
        const int code = sqlite3_step(handle_);
        if (code == SQLITE_ROW) return true;
        if (code == SQLITE_DONE) return false;
        return owner_.failure(code, query_.name);
    }
    bool is_null(int column) const override {
        return sqlite3_column_type(handle_, column) == SQLITE_NULL;
    }
    std::int64_t integer(int column) const override {
        return sqlite3_column_int64(handle_, column);
    }
    std::string_view text(int column) const override {
        const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
        if (!data) return {};
        return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
    }
    ByteView blob(int column) const override {
        const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
        if (!data) return {};
        return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
    }
    void reset() override {
        sqlite3_reset(handle_);  // repeats the error that `step` has reported
        bound_ = 0;
        bind_code_ = SQLITE_OK;
    }
    bool in_use() const { return sqlite3_stmt_busy(handle_) != 0; }

  private:
    void bound(int index, int code) {
        INVARIANT(code != SQLITE_RANGE && code != SQLITE_MISUSE);
        bound_ |= 1ULL << (index - 1);
        if (code != SQLITE_OK) bind_code_ = code;
    }

    SqliteConnection& owner_;
    sqlite3_stmt* handle_;
    const Query& query_;
    int parameters_;
    std::uint64_t bound_ = 0;  ///< a bit per parameter
    int bind_code_ = SQLITE_OK;
};

// --- Opening ---

SqliteConnection::SqliteConnection(SqliteOptions options)
    : options_(std::move(options)), slots_(64) {}

SqliteConnection::~SqliteConnection() {
    mover_.reset();
    slots_.clear();
    if (db_) sqlite3_close(db_);
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(SqliteOptions options) {
    std::unique_ptr<SqliteConnection> made{new SqliteConnection{std::move(options)}};
    if (made->options_.vfs.empty()) CHECK(made->claim_file());
    CHECK(made->connect());
    CHECK(made->configure());
    return made;
}

Result<> SqliteConnection::claim_file() {
    const auto& path = options_.path;
    CHECK(require_local_file_system(path.has_parent_path() ? path.parent_path() : "."));
    if (options_.access == Access::read_only) {
        if (!std::filesystem::exists(path))
            return fail(Errc::not_found, fmt::format("there is no database {}", path.string()));
        return {};
    }
    TRY(auto lock, DatabaseLock::take(path));
    lock_ = std::make_unique<DatabaseLock>(std::move(lock));
    return prepare_database_file(path);
}

Result<> SqliteConnection::connect() {
    if (sqlite3_libversion_number() < 3040000 || sqlite3_threadsafe() == 0)
        return fail(Errc::storage_failed,
                    fmt::format("SQLite {} cannot be used: 3.40 or later, built for threads, is "
                                "needed",
                                sqlite3_libversion()));
    // Nobody reads SQLite's own statistics of memory, and each allocation takes a lock for them.
    // Too late, and refused, when something of SQLite was used before: harmless.
    [[maybe_unused]] static const int without_statistics =
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    // NOMUTEX: one thread at a time is our contract, so SQLite's own lock per call is dropped.
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    flags |= options_.access == Access::read_only ? SQLITE_OPEN_READONLY
                                                  : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const char* vfs = options_.vfs.empty() ? log_vfs() : options_.vfs.c_str();
    const int code = sqlite3_open_v2(options_.path.c_str(), &db_, flags, vfs);
    if (code != SQLITE_OK) return failure(code, fmt::format("open {}", options_.path.string()));
    sqlite3_busy_timeout(db_, static_cast<int>(options_.busy_timeout.count()));

    struct Switch {
        int option;
        int value;
    };
    // NO_CKPT_ON_CLOSE: a reader that closes last must not checkpoint, nor a writer after an error.
    static constexpr Switch switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},          {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    for (const Switch& one : switches) {
        int now = -1;
        const int set = sqlite3_db_config(db_, one.option, one.value, &now);
        if (set != SQLITE_OK || now != one.value)
            return fail(Errc::storage_failed,
                        fmt::format("SQLite refuses the setting {}", one.option));
    }
    return {};
}

Result<> SqliteConnection::configure() {
    const std::string common = fmt::format(
        "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
        "PRAGMA cache_size=-{};",
        options_.cache_kib);
    CHECK(execute(common));
    if (options_.access == Access::read_only) return execute("PRAGMA query_only=ON");

    TRY(const std::int64_t owner, pragma("PRAGMA application_id"));
    if (owner != application_id) {
        TRY(const std::int64_t objects, pragma("SELECT count(*) FROM sqlite_schema"));
        if (owner != 0 || objects != 0)
            return fail(Errc::invalid_argument,
                        fmt::format("{} is a SQLite database of another program: choose another "
                                    "data directory",
                                    options_.path.string()));
        CHECK(execute(fmt::format("PRAGMA page_size={}; PRAGMA application_id={}", page_bytes,
                                  application_id)));
    }
    // journal_size_limit: a log that once grew large is cut when it starts again.
    CHECK(
        execute(fmt::format("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit={};"
                            "PRAGMA secure_delete=FAST",
                            4 * options_.checkpoint_busy_bytes)));
    TRY(const std::int64_t synchronous, pragma("PRAGMA synchronous"));
    TRY(const std::int64_t bytes, pragma("PRAGMA page_size"));
    TRY(const std::int64_t wal, pragma("SELECT journal_mode = 'wal' FROM pragma_journal_mode"));
    if (synchronous != synchronous_full || bytes != page_bytes || wal != 1)
        return fail(Errc::storage_failed,
                    fmt::format("SQLite did not take the settings for {}: synchronous={} "
                                "page_size={} wal={}, expected 2, {}, 1",
                                options_.path.string(), synchronous, bytes, wal, page_bytes));
    sqlite3_wal_hook(db_, &SqliteConnection::on_log, this);
    // A log that is there already is what a crash left, and may hold what had been erased.
    CHECK(checkpoint(SQLITE_CHECKPOINT_PASSIVE));
    // What another process keeps open may say that all of the log is moved, while the one that
    // moved it was killed before it had synced it (log_mover.hpp).
    CHECK(sync_file(SQLITE_FCNTL_FILE_POINTER, "sync the database"));
    log_holds_erased_ = frames_ > 0;
    return {};
}

Result<std::int64_t> SqliteConnection::pragma(const char* text) {
    sqlite3_stmt* handle = nullptr;
    int code = sqlite3_prepare_v2(db_, text, -1, &handle, nullptr);
    if (code == SQLITE_OK) code = sqlite3_step(handle);
    const std::int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(handle, 0) : 0;
    sqlite3_finalize(handle);
    if (code != SQLITE_ROW) return failure(code, text);
    return value;
}

// --- Statements ---

SqliteConnection::Slot& SqliteConnection::slot_of(const Query* query) {
    const std::size_t mask = slots_.size() - 1;
    // Fibonacci hashing: static objects lie close together, the low bits of their addresses do not
    // tell them apart.
    std::size_t at = (std::bit_cast<std::uintptr_t>(query) * 0x9E3779B97F4A7C15ULL) >> 32 & mask;
    while (slots_[at].query && slots_[at].query != query) at = (at + 1) & mask;
    return slots_[at];
}

void SqliteConnection::grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (Slot& slot : old)
        if (slot.query) slot_of(slot.query) = std::move(slot);
}

Result<sql::Statement*> SqliteConnection::prepare(const Query& query) {
    Slot& known = slot_of(&query);
    if (known.query) {
        INVARIANT(!known.statement->in_use());
        return known.statement.get();
    }
    sqlite3_stmt* handle = nullptr;
    const char* rest = nullptr;
    const int code =
        sqlite3_prepare_v3(db_, query.text, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);
    if (code != SQLITE_OK) return failure(code, query.name);
    auto statement = std::make_unique<SqliteStatement>(*this, handle, query);
    INVARIANT(handle && (!rest || std::string_view{rest}.find_first_not_of(" \n\t;") ==
                                      std::string_view::npos));
    if (++used_ * 2 > slots_.size()) grow();
    Slot& slot = slot_of(&query);
    slot = {&query, std::move(statement)};
    return slot.statement.get();
}

Result<> SqliteConnection::execute(std::string_view script) {
    const std::string text{script};
    const int code = sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, "script");
    return {};
}

Result<> SqliteConnection::run_plain(const Query& query) {
    return sql::run(*this, query);
}

Result<> SqliteConnection::begin() {
    return run_plain(options_.access == Access::read_only ? begin_deferred : begin_immediate);
}

Result<> SqliteConnection::commit() {
    const Result<> done = run_plain(commit_all);
    if (done && overwriting_) {
        stop_overwriting();
        log_holds_erased_ = true;
    }
    return done;
}

void SqliteConnection::rollback() {
    // SQLite may have rolled back by itself (disk full, I/O error). If it refuses now, `state`
    // still says in_transaction and nobody can begin, which fails loudly.
    if (sqlite3_get_autocommit(db_) == 0) (void)run_plain(rollback_all);
    if (overwriting_) stop_overwriting();
}

Result<> SqliteConnection::savepoint() {
    return run_plain(savepoint_open);
}
Result<> SqliteConnection::release_savepoint() {
    return run_plain(savepoint_release);
}
void SqliteConnection::rollback_to_savepoint() {
    if (sqlite3_get_autocommit(db_) != 0) return;
    if (!run_plain(savepoint_undo) || !run_plain(savepoint_release)) rollback();
}

std::int64_t SqliteConnection::changes() const {
    return sqlite3_changes64(db_);
}
std::optional<std::int64_t> SqliteConnection::total_changes() const {
    return sqlite3_total_changes64(db_);
}
std::int64_t SqliteConnection::last_insert_id() const {
    return sqlite3_last_insert_rowid(db_);
}
sql::State SqliteConnection::state() const {
    if (broken_) return sql::State::broken;
    return sqlite3_get_autocommit(db_) != 0 ? sql::State::idle : sql::State::in_transaction;
}

// --- Looking after the file ---

int SqliteConnection::on_log(void* self, sqlite3*, const char*, int frames) {
    auto& me = *static_cast<SqliteConnection*>(self);
    const bool restarted = frames < me.counted_;
    me.last_frames_ = restarted ? frames : frames - me.counted_;
    me.new_frames_ += me.last_frames_;
    me.counted_ = frames;
    me.frames_ = frames;
    return SQLITE_OK;
}

Result<> SqliteConnection::sync_file(int which, std::string_view doing) {
    sqlite3_file* file = nullptr;
    int code = sqlite3_file_control(db_, "main", which, &file);
    if (code == SQLITE_OK && file->pMethods != nullptr)
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK) return failure(code, doing);
    return {};
}

Result<> SqliteConnection::checkpoint(int mode) {
    CHECK(settle());
    // A reader in the way is no reason to make writers wait: the next time will do.
    sqlite3_busy_timeout(db_, 0);
    int frames = 0;
    int moved = 0;
    const int code = sqlite3_wal_checkpoint_v2(db_, "main", mode, &frames, &moved);
    sqlite3_busy_timeout(db_, static_cast<int>(options_.busy_timeout.count()));
    new_frames_ = 0;
    // A log that was moved whole starts again with the next commit, unless a reader is in it: then
    // too much is counted, and the next checkpoint comes early.
    if (code == SQLITE_OK && moved == frames) counted_ = 0;
    if (code == SQLITE_OK) frames_ = frames;
    if (code == SQLITE_OK && mode == SQLITE_CHECKPOINT_TRUNCATE) log_holds_erased_ = false;
    if ((code & 0xff) == SQLITE_BUSY || code == SQLITE_OK) return {};
    std::unexpected<Error> failed = failure(code, "checkpoint");
    // The log still has everything: without room it just goes on growing where it can.
    if (failed.error().code == Errc::storage_full) return {};
    return failed;
}

bool SqliteConnection::commits_are_small() const {
    return last_frames_ * page_bytes <= options_.small_commit_bytes;
}

Result<> SqliteConnection::settle() {
    if (!mover_) return {};
    if (const int code = mover_->release(); code != SQLITE_OK)
        return failure(code, "sync the database", nullptr);
    return {};
}

Result<> SqliteConnection::move_along() {
    if (!mover_) {
        const char* vfs = options_.vfs.empty() ? log_vfs() : options_.vfs.c_str();
        auto made = LogMover::open(options_.path.string(), vfs,
                                   options_.vfs.empty() ? SyncOn::thread : SyncOn::caller);
        if (!made) return checkpoint(SQLITE_CHECKPOINT_PASSIVE);
        mover_ = *std::move(made);
    }
    const std::optional<int> synced = mover_->take_sync();
    if (synced && *synced != SQLITE_OK) return failure(*synced, "sync the database", nullptr);
    new_frames_ = 0;
    // What is copied must be in the log whatever happens. Each commit has synced it, so this costs
    // nothing (log_vfs.hpp).
    CHECK(sync_file(SQLITE_FCNTL_JOURNAL_POINTER, "sync the log"));
    if (const int code = mover_->move(); code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
        std::unexpected<Error> failed = failure(code, "move the log", mover_->connection());
        // The log still has everything: without room it just goes on growing where it can.
        if (failed.error().code == Errc::storage_full) return {};
        return failed;
    }
    if (log_bytes() < options_.checkpoint_busy_bytes) return {};
    if (!synced) {
        if (!mover_->is_syncing()) mover_->begin_sync();
        return {};
    }
    // What came since that sync began is little, so the log may wait for it and start again.
    counted_ = 0;
    return settle();
}

Result<> SqliteConnection::upkeep(sql::Upkeep when) {
    if (broken_ || options_.access == Access::read_only) return {};
    INVARIANT(sqlite3_get_autocommit(db_) != 0);
    const std::int64_t fresh = new_frames_ * page_bytes;
    switch (when) {
        case sql::Upkeep::busy:
            if (commits_are_small()) {
                const std::int64_t enough =
                    std::max(options_.checkpoint_small_bytes,
                             options_.checkpoint_small_commits * last_frames_ * page_bytes);
                if (fresh >= std::min(enough, options_.checkpoint_busy_bytes)) return move_along();
            } else if (fresh >= options_.checkpoint_busy_bytes) {
                return checkpoint(SQLITE_CHECKPOINT_PASSIVE);
            }
            return {};
        case sql::Upkeep::idle:
            if (log_holds_erased_) return checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
            if (fresh >= options_.checkpoint_idle_bytes || (mover_ && mover_->owes()))
                return checkpoint(SQLITE_CHECKPOINT_PASSIVE);
            return {};
        case sql::Upkeep::full:
            return checkpoint(SQLITE_CHECKPOINT_PASSIVE);
        case sql::Upkeep::closing:
            return checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    }
    return {};
}

Result<> SqliteConnection::overwrite_deleted() {
    INVARIANT(sqlite3_get_autocommit(db_) == 0);
    TRY(const std::int64_t now, pragma("PRAGMA secure_delete=ON"));
    if (now != 1) return fail(Errc::storage_failed, "SQLite refuses secure_delete=ON");
    overwriting_ = true;
    return {};
}

void SqliteConnection::stop_overwriting() {
    overwriting_ = false;
    // If this fails, pages go on being overwritten, which is only slower.
    (void)pragma("PRAGMA secure_delete=FAST");
}

int SqliteConnection::on_progress(void* self) {
    const auto& me = *static_cast<SqliteConnection*>(self);
    return me.options_.clock->mono() >= me.deadline_ ? 1 : 0;
}

void SqliteConnection::set_deadline(MonoTime deadline) {
    deadline_ = deadline;
    if (deadline == MonoTime::max()) {
        sqlite3_progress_handler(db_, 0, nullptr, nullptr);
        return;
    }
    INVARIANT(options_.clock);
    sqlite3_progress_handler(db_, steps_per_look, &SqliteConnection::on_progress, this);
}

Result<> SqliteConnection::quick_check() {
    TRY(const auto verdict, sql::one(*this, quick_check_query, [](const sql::Statement& row) {
            return sql::string_at(row, 0);
        }));
    if (verdict == "ok") return {};
    broken_ = true;
    return fail(Errc::corrupt, fmt::format("{} is damaged: {}. Restore the last backup",
                                           options_.path.string(), verdict.value_or("no answer")));
}

std::unexpected<Error> SqliteConnection::failure(int code, std::string_view doing, sqlite3* of) {
    const int extended = of ? sqlite3_extended_errcode(of) : code;
    if ((extended & 0xff) == (code & 0xff)) code = extended;
    const char* reason =
        of && sqlite3_errcode(of) == code ? sqlite3_errmsg(of) : sqlite3_errstr(code);
    const int system_error = of ? sqlite3_system_errno(of) : 0;
    Errc kind = is_full(code, system_error) ? Errc::storage_full : kind_of(code);
    const int primary = code & 0xff;
    const bool fatal = primary == SQLITE_IOERR || primary == SQLITE_CORRUPT ||
                       primary == SQLITE_NOTADB || primary == SQLITE_NOMEM ||
                       primary == SQLITE_READONLY;
    if (fatal && kind != Errc::storage_full) {
        const bool may_write = options_.access == Access::read_write;
        if (primary == SQLITE_READONLY && !may_write)
            kind = Errc::internal;
        else
            broken_ = true;
    }
    return fail(kind, fmt::format("{}: {} (SQLite {})", doing, reason, code));
}

}  // namespace blotter::store
