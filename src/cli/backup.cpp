#include "cli/backup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "store/backup.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_bytes = 1 << 20;

constexpr std::string_view readme = R"(A backup of a Blotter installation
===================================

  blotter.db        the database: events, deliveries, the ledger
  subject-keys.db   the keys of persons' data, apart from it
  files/            documents, under their SHA-256
  last-signed       what the ledger had signed

The master key is not in here. Keep a copy of it elsewhere: nobody can read this backup without it.

To restore
----------
1. Copy this folder to where the data is to be (data.directory), for the user of the server only:
       cp -a THIS_FOLDER /var/lib/blotter && chmod -R go= /var/lib/blotter
2. Put the master key there as master.key (mode 0600), or name it with keys.file.
3. Look at it:
       blotter doctor --data.directory=/var/lib/blotter
       blotter ledger verify --data.directory=/var/lib/blotter
4. If the lost data directory still has its file last-signed, put that one in the place of this
   one. The ledger then knows that it signed more than this backup holds, and refuses to go on as
   if nothing had happened. Say what happened, and it begins a new log that names the old one:
       blotter ledger fork --reason "disk lost on …" --data.directory=/var/lib/blotter
   Without that file the ledger goes on from this backup; whoever saw a later checkpoint will
   notice.
5. Start the server. It puts the keys back into the database and removes subject-keys.db.

Events that were accepted after this backup are not in it: the applications that sent them have to
send them again (with the same ids they are taken once).

How long to keep it
-------------------
Keep subject-keys.db for a short time only. A person whose data is erased stays erased in an old
blotter.db once no copy of the keys from before is left. After a restore, erase again whom you
erased since the backup.
)";

Result<> require_new(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) return {};
    if (fs::is_directory(folder, error) && fs::is_empty(folder, error)) return {};
    return fail(Errc::conflict, fmt::format("{} exists already: a backup overwrites nothing, "
                                            "choose another folder",
                                            folder.string()));
}

Result<> copy_file(runtime::Disk& disk, const fs::path& from, const fs::path& to,
                   std::string_view hash) {
    TRY(const auto source, disk.open(from));
    TRY(const auto target, disk.create(to));
    Sha256 sum;
    Bytes piece(piece_bytes);
    for (std::uint64_t at = 0; at < source->size();) {
        TRY(const std::size_t got, source->read_at(at, piece));
        if (got == 0) break;
        const ByteView read{piece.data(), got};
        sum.update(read);
        CHECK(target->write(read));
        at += got;
    }
    if (to_hex(sum.finish()) == hash) return {};
    return fail(Errc::corrupt, fmt::format("the stored file {} is damaged: its content does not "
                                           "have the SHA-256 in its name",
                                           from.string()));
}

struct Copied {
    std::uint64_t files = 0;
    std::uint64_t damaged = 0;
};

/// `files/ab/cdef…`: written once and never changed, so they may be copied while the server runs.
Result<Copied> copy_files(Console& console, runtime::Disk& disk, const fs::path& from,
                          const fs::path& to) {
    Copied out;
    CHECK(disk.make_directories(to));
    std::error_code error;
    if (!fs::exists(from, error)) return out;
    TRY(const auto folders, disk.list(from));
    for (const fs::path& folder : folders) {
        if (folder.filename().string().size() != 2) continue;
        const fs::path there = to / folder.filename();
        CHECK(disk.make_directories(there));
        TRY(const auto files, disk.list(folder));
        for (const fs::path& file : files) {
            const std::string hash = folder.filename().string() + file.filename().string();
            auto copied = copy_file(disk, file, there / file.filename(), hash);
            if (!copied && copied.error().code == Errc::not_found) continue;  // just erased
            if (!copied && copied.error().code != Errc::corrupt) return pass(copied.error());
            if (!copied) {
                console.line("✗ {}", copied.error().detail);
                ++out.damaged;
            }
            ++out.files;
        }
    }
    return out;
}

Result<ledger::LogState> read_state(runtime::Disk& disk, const fs::path& file) {
    auto text = disk.read_all(file, ledger::log_state_bytes_max);
    if (!text && text.error().code == Errc::not_found) return ledger::LogState{};
    if (!text) return pass(std::move(text).error());
    return ledger::decode_log_state(*text);
}

/// What was signed before the copy was made, brought up to what the copy knows was signed.
Result<> write_state(runtime::Disk& disk, ledger::LogState state, const InstallationPaths& copy) {
    store::SqliteOptions options;
    options.path = copy.database();
    options.access = store::Access::read_only;
    TRY(const auto db, store::SqliteConnection::open(std::move(options)));
    for (std::int64_t after = 0;;) {
        TRY(const auto page, store::list_logs(*db, after, 500));
        for (const store::LogRow& log : page.rows) {
            after = log.no;
            TRY(const auto last, store::last_checkpoint(*db, log.no));
            const auto known = state.find(log.origin);
            if (!last || (known != state.end() &&
                          known->second.size >= static_cast<std::uint64_t>(last->size)))
                continue;
            CHECK(ledger::advance(
                state, {log.origin, {static_cast<std::uint64_t>(last->size), last->root}}));
        }
        if (!page.next) break;
    }
    return disk.replace(copy.last_signed(), ledger::encode_log_state(state));
}

/// Everything written below reaches the disk before the backup is called done.
Result<> sync_all(const fs::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && ::syncfs(fd) == 0;
    if (fd >= 0) ::close(fd);
    if (done) return {};
    return fail(Errc::storage_failed,
                fmt::format("cannot make {} durable: do not rely on it", folder.string()));
}

Result<int> back_up_into(Console& console, const InstallationPaths& from,
                         const InstallationPaths& to) {
    const auto disk = runtime::make_system_disk();
    CHECK(require_new(to.root));
    if (!fs::exists(from.database()))
        return fail(Errc::not_found,
                    fmt::format("there is no database {}: name the data directory with "
                                "--data.directory=DIR",
                                from.database().string()));
    CHECK(disk->make_directories(to.root));
    TRY(auto state, read_state(*disk, from.last_signed()));
    const auto progress = [&console](std::int64_t done, std::int64_t all) {
        if (all > 100'000 && done < all) console.remark("… {} % of the database", done * 100 / all);
        return true;
    };
    store::BackupOptions options;
    options.source = from.database();
    options.target = to.database();
    options.keys_table = "subject_key";
    options.keys_target = to.subject_keys();
    options.pages_per_step = 16'384;
    options.progress = progress;
    TRY(const auto report, store::backup(options));
    CHECK(write_state(*disk, std::move(state), to));
    console.line("✓ {}: {} KiB, checked", to.database().string(), report.bytes >> 10);
    console.line("✓ {}: {} keys of persons' data", to.subject_keys().string(), report.keys);
    TRY(const auto copied, copy_files(console, *disk, from.files(), to.files()));
    if (copied.damaged == 0)
        console.line("✓ {}: {} files, each with the SHA-256 in its name", to.files().string(),
                     copied.files);
    CHECK(disk->replace(to.root / "README.txt", readme));
    CHECK(sync_all(to.root));
    console.line("The master key is not in it: keep a copy of it elsewhere.");
    console.line("README.txt in {} says how to restore.", to.root.string());
    return copied.damaged == 0 ? exit_ok : exit_failed;
}

}  // namespace

int back_up(Console& console, const config::Settings& settings, const fs::path& folder) {
    const auto done = back_up_into(console, {settings.data.directory}, {folder});
    if (!done) return console.failed(done.error());
    return *done;
}

Result<std::int64_t> take_back_subject_keys(sql::Connection& db, runtime::Disk& disk,
                                            const InstallationPaths& paths) {
    const fs::path file = paths.subject_keys();
    if (auto there = disk.open(file); !there) {
        if (there.error().code == Errc::not_found) return 0;
        return pass(std::move(there).error());
    }
    std::string name = file.string();
    for (std::size_t at = 0; (at = name.find('\'', at)) != std::string::npos; at += 2)
        name.insert(at, 1, '\'');
    CHECK(db.execute(fmt::format("ATTACH '{}' AS subject_keys", name)));
    const auto copied = db.execute(
        "INSERT OR IGNORE INTO main.subject_key"
        " (subject, workspace_no, wrapped, created_ms, destroyed_ms)"
        " SELECT subject, workspace_no, wrapped, created_ms, destroyed_ms"
        " FROM subject_keys.subject_key");
    const std::int64_t count = copied ? db.changes() : 0;
    CHECK(db.execute("DETACH subject_keys"));
    if (!copied) return pass(copied.error());
    CHECK(disk.remove(file));
    return count;
}

}  // namespace blotter::cli
