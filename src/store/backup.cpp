#include "store/backup.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/invariant.hpp"

namespace blotter::store {

namespace fs = std::filesystem;

namespace {

std::unexpected<Error> refuse(const char* doing, const fs::path& path, int reason) {
    const bool full = reason == ENOSPC || reason == EDQUOT;
    return fail(full ? Errc::storage_full : Errc::storage_failed,
                fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(reason)));
}

/// A file under its provisional name, removed at the end unless it was published.
class PartFile {
  public:
    static Result<PartFile> create(const fs::path& target) {
        if (fs::exists(target)) return exists(target);
        fs::path part = target;
        part += ".part";
        const int fd = ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST) return exists(part);
        if (fd < 0) return refuse("create", part, errno);
        ::close(fd);
        return PartFile{target, std::move(part)};
    }
    PartFile(PartFile&& other) noexcept
        : target_(std::move(other.target_)), part_(std::exchange(other.part_, {})) {}
    PartFile& operator=(PartFile&&) = delete;
    ~PartFile() {
        if (!part_.empty()) ::unlink(part_.c_str());
    }
    const fs::path& path() const { return part_; }

    /// `link`, not `rename`: it refuses to replace a file that has appeared meanwhile.
    Result<> publish() {
        CHECK(sync(part_, O_RDONLY));
        if (::link(part_.c_str(), target_.c_str()) != 0) return refuse("create", target_, errno);
        ::unlink(part_.c_str());
        part_.clear();
        const fs::path directory = target_.has_parent_path() ? target_.parent_path() : ".";
        return sync(directory, O_RDONLY | O_DIRECTORY);
    }
    /// Takes back what `publish` did.
    void withdraw() { ::unlink(target_.c_str()); }

  private:
    PartFile(fs::path target, fs::path part) : target_(std::move(target)), part_(std::move(part)) {}

    static std::unexpected<Error> exists(const fs::path& path) {
        return fail(Errc::conflict, fmt::format("{} exists already: a backup overwrites nothing, "
                                                "choose another name or move it away",
                                                path.string()));
    }
    static Result<> sync(const fs::path& path, int flags) {
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
        if (fd < 0) return refuse("open", path, errno);
        const int outcome = ::fsync(fd);
        const int reason = errno;
        ::close(fd);
        if (outcome != 0) return refuse("make durable", path, reason);
        return {};
    }

    fs::path target_;
    fs::path part_;
};

struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Handle = std::unique_ptr<sqlite3, Close>;

std::unexpected<Error> failure(sqlite3* db, int code, std::string_view doing) {
    Errc kind = Errc::storage_failed;
    const int primary = code & 0xff;
    if (primary == SQLITE_FULL) kind = Errc::storage_full;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) kind = Errc::corrupt;
    return fail(kind, fmt::format("backup: {}: {}", doing, db ? sqlite3_errmsg(db) : "no memory"));
}

Result<> execute(sqlite3* db, const std::string& script, std::string_view doing) {
    const int code = sqlite3_exec(db, script.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(db, code, doing);
    return {};
}

Result<Handle> open(const fs::path& path, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(
        path.c_str(), &raw,
        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, nullptr);
    Handle db{raw};
    if (code != SQLITE_OK) return failure(raw, code, fmt::format("open {}", path.string()));
    sqlite3_busy_timeout(raw, 2'000);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    return db;
}

/// The first column of the first row as text; empty when there is no row.
Result<std::string> ask(sqlite3* db, const std::string& question, std::string_view doing) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(db, question.c_str(), -1, &statement, nullptr);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    std::string answer;
    if (code == SQLITE_ROW) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
        if (text) answer = text;
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failure(db, code, doing);
    return answer;
}

Result<> require_sound(sqlite3* db, const fs::path& path) {
    TRY(const std::string verdict, ask(db, "PRAGMA quick_check(1)", "check the copy"));
    if (verdict == "ok") return {};
    return fail(Errc::corrupt, fmt::format("the copy {} is damaged, and so may be the database: {}",
                                           path.string(), verdict));
}

std::string quote(std::string_view name, char mark) {
    std::string out{mark};
    for (const char c : name) {
        out += c;
        if (c == mark) out += mark;
    }
    return out + mark;
}

/// Steps through all pages. The source's open read transaction keeps it one moment's state, and
/// keeps the writer from making us start again.
Result<std::int64_t> copy_pages(sqlite3* from, sqlite3* to, const BackupOptions& options) {
    sqlite3_backup* run = sqlite3_backup_init(to, "main", from, "main");
    if (!run) return failure(to, sqlite3_errcode(to), "start");
    int code = SQLITE_OK;
    bool stopped = false;
    while (code == SQLITE_OK && !stopped) {
        code = sqlite3_backup_step(run, options.pages_per_step);
        const std::int64_t all = sqlite3_backup_pagecount(run);
        if (options.progress && (code == SQLITE_OK || code == SQLITE_DONE))
            stopped = !options.progress(all - sqlite3_backup_remaining(run), all);
    }
    const std::int64_t pages = sqlite3_backup_pagecount(run);
    sqlite3_backup_finish(run);
    if (stopped) return fail(Errc::cancelled, "the backup was stopped");
    if (code != SQLITE_DONE) return failure(to, code, "copy");
    return pages;
}

/// Moves the table with the keys from the copy into a database of its own.
Result<std::int64_t> split_keys(sqlite3* copy, const PartFile& keys_file,
                                const BackupOptions& options) {
    const std::string table = quote(options.keys_table, '"');
    TRY(const std::string definition,
        ask(copy,
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = " +
                quote(options.keys_table, '\''),
            "find the table with the keys"));
    if (definition.empty())
        return fail(Errc::not_found, fmt::format("the database has no table {}", table));
    {
        TRY(const Handle keys, open(keys_file.path(), SQLITE_OPEN_READWRITE));
        CHECK(execute(keys.get(),
                      "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL;" + definition,
                      "make the file with the keys"));
    }
    CHECK(execute(copy, "ATTACH " + quote(keys_file.path().string(), '\'') + " AS key_file",
                  "open the file with the keys"));
    // secure_delete=ON overwrites what is deleted: the keys must not stay behind in free pages.
    CHECK(execute(copy,
                  fmt::format("PRAGMA key_file.journal_mode=MEMORY; PRAGMA main.secure_delete=ON;"
                              "BEGIN; INSERT INTO key_file.{0} SELECT * FROM main.{0};"
                              "DELETE FROM main.{0}; COMMIT",
                              table),
                  "move the keys"));
    TRY(const std::string count,
        ask(copy, fmt::format("SELECT count(*) FROM key_file.{}", table), "count the keys"));
    CHECK(execute(copy, "DETACH key_file", "close the file with the keys"));
    TRY(const Handle keys, open(keys_file.path(), SQLITE_OPEN_READWRITE));
    CHECK(require_sound(keys.get(), keys_file.path()));
    return std::stoll(count);
}

}  // namespace

Result<BackupReport> backup(const BackupOptions& options) {
    INVARIANT(options.keys_table.empty() == options.keys_target.empty());
    INVARIANT(options.pages_per_step > 0);
    if (!fs::exists(options.source))
        return fail(Errc::not_found,
                    fmt::format("there is no database {}", options.source.string()));
    TRY(PartFile file, PartFile::create(options.target));
    std::optional<PartFile> keys_file;
    if (!options.keys_table.empty()) {
        TRY(PartFile made, PartFile::create(options.keys_target));
        keys_file.emplace(std::move(made));
    }
    BackupReport report;
    {
        TRY(const Handle from, open(options.source, SQLITE_OPEN_READONLY));
        TRY(const Handle to, open(file.path(), SQLITE_OPEN_READWRITE));
        CHECK(execute(from.get(), "BEGIN; SELECT count(*) FROM sqlite_schema", "begin"));
        // A journal beside the copy would keep the keys; a crash leaves only a `.part` anyway.
        CHECK(execute(to.get(), "PRAGMA journal_mode=MEMORY", "prepare"));
        TRY(const std::int64_t pages, copy_pages(from.get(), to.get(), options));
        report.pages = pages;
        CHECK(execute(from.get(), "COMMIT", "end"));
        // The copied header says WAL; a single file is easier to carry about.
        CHECK(execute(to.get(), "PRAGMA journal_mode=DELETE; PRAGMA journal_mode=MEMORY",
                      "prepare the copy"));
        if (keys_file) {
            TRY(const std::int64_t keys, split_keys(to.get(), *keys_file, options));
            report.keys = keys;
        }
        CHECK(require_sound(to.get(), file.path()));
    }
    report.bytes = static_cast<std::int64_t>(fs::file_size(file.path()));
    if (keys_file) CHECK(keys_file->publish());
    const Result<> published = file.publish();
    if (!published) {
        if (keys_file) keys_file->withdraw();
        return pass(published.error());
    }
    return report;
}

}  // namespace blotter::store
