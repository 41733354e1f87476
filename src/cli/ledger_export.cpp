#include <algorithm>

#include "cli/installation.hpp"
#include "cli/ledger.hpp"
#include "ledger/entries.hpp"
#include "ledger/exporter.hpp"
#include "ledger/verifier.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t export_files_max = 50'000'000;

/// A log in the database.
class StoredLog final : public ledger::LogSource {
  public:
    StoredLog(sql::Connection& db, store::CheckpointRow checkpoint, ledger::NoteVerifier key)
        : db_(db), checkpoint_(std::move(checkpoint)), key_(std::move(key)) {}
    Result<std::string> checkpoint_note() override { return checkpoint_.note; }
    ledger::NoteVerifier public_key() override { return key_; }
    Result<std::vector<Bytes>> entries(std::uint64_t first, std::uint16_t count) override {
        return ledger::list_entries(db_,
                                    {checkpoint_.log_no, static_cast<std::int64_t>(first), count});
    }

  private:
    sql::Connection& db_;
    store::CheckpointRow checkpoint_;
    ledger::NoteVerifier key_;
};

class FolderSink final : public ledger::FileSink {
  public:
    FolderSink(runtime::Disk& disk, fs::path root) : disk_(disk), root_(std::move(root)) {}
    Result<> write(const std::string& path, ByteView bytes) override {
        const fs::path target = root_ / path;
        CHECK(disk_.make_directories(target.parent_path()));
        TRY(auto file, disk_.create(target));
        CHECK(file->write(bytes));
        // The last file, without which the export counts as incomplete.
        if (path == ledger::export_checkpoint_file) return file->sync();
        return {};
    }

  private:
    runtime::Disk& disk_;
    fs::path root_;
};

class FolderSource final : public ledger::FileSource {
  public:
    FolderSource(runtime::Disk& disk, fs::path root) : disk_(disk), root_(std::move(root)) {}
    Result<std::vector<std::string>> list() override {
        std::vector<std::string> out;
        std::error_code error;
        for (fs::recursive_directory_iterator at{root_, error}, end; !error && at != end;
             at.increment(error)) {
            if (at->is_directory()) continue;
            if (out.size() == export_files_max)
                return fail(Errc::too_large, "the folder has too many files for an export");
            out.push_back(fs::relative(at->path(), root_).generic_string());
        }
        if (error)
            return fail(Errc::storage_failed,
                        fmt::format("cannot read {}: {}", root_.string(), error.message()));
        return out;
    }
    Result<Bytes> read(const std::string& path, std::size_t bytes_max) override {
        TRY(const std::string text, disk_.read_all(root_ / path, bytes_max));
        const ByteView bytes = as_bytes(text);
        return Bytes(bytes.begin(), bytes.end());
    }

  private:
    runtime::Disk& disk_;
    fs::path root_;
};

/// "root", "ws_…", "ws_…-fork-1": what is behind the root log's name.
std::string folder_name(const std::string& origin, const std::string& root_origin) {
    std::string rest = origin;
    if (origin.starts_with(root_origin)) rest.erase(0, root_origin.size());
    while (rest.starts_with('/')) rest.erase(0, 1);
    if (rest.empty()) return "root";
    if (rest.starts_with("fork-")) rest = "root-" + rest;
    for (char& c : rest) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
        if (!plain) c = '-';
    }
    return rest;
}

Result<> require_new(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error) || (fs::is_directory(folder, error) && fs::is_empty(folder)))
        return {};
    return fail(Errc::conflict, fmt::format("{} exists already: an export overwrites nothing, "
                                            "choose another folder",
                                            folder.string()));
}

Result<> export_one(Console& console, Installation& in, const store::LogRow& log,
                    const fs::path& folder) {
    TRY(const auto checkpoint, store::last_checkpoint(in.db(), log.no));
    if (!checkpoint) {
        console.remark("{} has no signed checkpoint yet: left out", log.origin);
        return {};
    }
    TRY(auto key, in.verifier(log.origin));
    const std::string key_text = key.text();
    StoredLog source{in.db(), *checkpoint, std::move(key)};
    FolderSink sink{in.disk(), folder};
    TRY(const auto summary, ledger::export_log(source, sink));
    console.line("✓ {}: {} entries of {}", folder.string(), summary.checkpoint.head.size,
                 log.origin);
    console.line("  key {}", key_text);
    return {};
}

Result<int> export_all(Console& console, Installation& in, const fs::path& folder,
                       std::string_view workspace) {
    CHECK(require_new(folder));
    std::optional<std::int64_t> only;
    if (!workspace.empty()) {
        TRY(const auto id, WorkspaceId::parse(workspace));
        TRY(const auto row, store::find_workspace(in.db(), id));
        if (!row) return fail(Errc::not_found, fmt::format("there is no workspace {}", workspace));
        only = row->no;
    }
    TRY(const auto logs, in.logs());
    const auto root = std::ranges::find_if(logs, [](const auto& log) { return !log.workspace_no; });
    int count = 0;
    for (const store::LogRow& log : logs) {
        if (only && log.workspace_no != only) continue;
        const std::string root_origin =
            root != logs.end() ? root->origin : log.origin.substr(0, log.origin.find("/ws_"));
        CHECK(export_one(console, in, log, folder / folder_name(log.origin, root_origin)));
        ++count;
    }
    if (count == 0) return fail(Errc::not_found, "nothing was written to the ledger yet");
    return count;
}

/// The trusted key for a log; none when no key was given at all.
Result<std::optional<ledger::NoteVerifier>> key_for(const std::string& origin,
                                                    const std::vector<ledger::NoteVerifier>& keys) {
    if (keys.empty()) return std::nullopt;
    for (const auto& key : keys)
        if (origin == key.name() || origin.starts_with(key.name() + "/"))
            return ledger::NoteVerifier{origin, key.key()};
    return fail(Errc::bad_signature,
                fmt::format("none of the keys given with --key belongs to the log '{}'", origin));
}

/// The folders that are exports of one log: those with a checkpoint, or nothing but a folder.
std::vector<fs::path> logs_in(const fs::path& folder) {
    if (fs::exists(folder / ledger::export_checkpoint_file)) return {folder};
    std::vector<fs::path> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{folder, error})
        if (entry.is_directory()) out.push_back(entry.path());
    std::ranges::sort(out);
    if (out.empty() || std::ranges::find(out, "tile", &fs::path::filename) != out.end())
        return {folder};
    return out;
}

bool verify_one(Console& console, runtime::Disk& disk, const fs::path& folder,
                const std::vector<ledger::NoteVerifier>& keys) {
    FolderSource source{disk, folder};
    ledger::VerifyOptions options;
    const auto note = source.read(std::string{ledger::export_checkpoint_file}, 1 << 20);
    std::string origin = note ? std::string{as_text(*note)} : std::string{};
    origin.resize(std::min(origin.find('\n'), origin.size()));
    auto key = key_for(origin, keys);
    if (!key) {
        console.line("✗ {}: {}", folder.string(), key.error().detail);
        return false;
    }
    options.trusted_key = *std::move(key);
    const auto report = ledger::verify_export(source, options);
    for (const auto& finding : report.findings)
        console.line("✗ {}: {}", folder.string(), describe(finding));
    if (report.findings_left_off > 0)
        console.line("✗ {}: and {} more findings", folder.string(), report.findings_left_off);
    if (!report.is_sound()) {
        if (report.findings.empty()) console.line("✗ {} cannot be trusted", folder.string());
        return false;
    }
    console.line("✓ {}: {} entries of {}, tiles compared: {}", folder.string(), report.entries_read,
                 origin, report.tiles_compared);
    return true;
}

}  // namespace

int export_ledger(Console& console, const config::Settings& settings, const fs::path& folder,
                  std::string_view workspace) {
    auto in = Installation::open(settings);
    if (!in) return console.failed(in.error());
    // One moment's state of all logs, also beside a running server.
    if (auto begun = (*in)->db().begin(); !begun) return console.failed(begun.error());
    const auto done = export_all(console, **in, folder, workspace);
    (*in)->db().rollback();
    if (!done) return console.failed(done.error());
    console.line("Check it with: blotter ledger verify --export {}", folder.string());
    return exit_ok;
}

int verify_exports(Console& console, const ExportCheckOptions& options) {
    std::vector<ledger::NoteVerifier> keys;
    for (const std::string& text : options.keys) {
        auto key = ledger::NoteVerifier::parse(text);
        if (!key) return console.misused("--key: " + key.error().detail);
        keys.push_back(*std::move(key));
    }
    std::error_code error;
    if (!fs::is_directory(options.folder, error))
        return console.failed(
            {Errc::not_found, fmt::format("there is no folder {}", options.folder.string())});
    const auto disk = runtime::make_system_disk();
    bool sound = true;
    for (const fs::path& folder : logs_in(options.folder))
        sound = verify_one(console, *disk, folder, keys) && sound;
    if (keys.empty())
        console.remark(
            "No --key was given: this shows only that each export agrees with the key "
            "inside it.");
    return sound ? exit_ok : exit_failed;
}

}  // namespace blotter::cli
