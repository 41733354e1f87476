#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "cli/console.hpp"
#include "cli/installation.hpp"
#include "config/load.hpp"
#include "intake/intake.hpp"
#include "ledger/sealer.hpp"
#include "runtime/entropy.hpp"
#include "security/test_random.hpp"
#include "store/migrate.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli::testing_installation {

/// The value, or an exception that ends the test with the reason.
template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error{result.error().detail};
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// A console whose output can be read.
struct Captured {
    KeptConsole kept;
    Console& console = kept.console();
    std::string text() { return kept.text(); }
};

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = testing::TempDir() + "blotter_cli_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
        path_ = name;
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// A data directory as a server leaves it: one workspace, events, signed checkpoints.
class TestInstallation {
  public:
    TestInstallation() {
        must(security::create_key_file(root() / "master.key", random_));
        reload();
        open_writer();
        make();
    }

    std::filesystem::path root() const { return folder_.path() / "data"; }
    InstallationPaths paths() const { return {root()}; }
    const config::Settings& settings() const { return configuration_->settings(); }
    const WorkspaceId& workspace() const { return workspace_.id; }
    std::string origin() const { return "test.example/" + workspace_.id.text(); }

    /// Accepts events, each of a subject of its own, in one transaction.
    std::vector<EventId> accept(int count) {
        std::vector<EventId> out;
        must(db_->begin());
        store::Tx tx{*db_};
        for (int i = 0; i < count; ++i) {
            EventDraft draft;
            draft.type = EventType::envelope_sent;
            draft.occurred_at = clock_.wall();
            draft.data = json::Object{{"n", i}};
            out.push_back(must(intake_->accept(tx, workspace_.no, std::move(draft))).id);
        }
        must(tx.commit());
        return out;
    }
    /// Signs every log as it is now, and enters the workspace's checkpoint in the root log.
    void sign() {
        sign_log(workspace_.no);
        must(db_->begin());
        store::Tx tx{*db_};
        const auto log = must(store::find_open_log(*db_, workspace_.no)).value();
        const auto root = must(book_->log_of(tx, std::nullopt, std::nullopt, clock_.wall()));
        const auto last = must(store::last_checkpoint(*db_, log.no)).value();
        must(book_->append(tx, root,
                           ledger::checkpoint_leaf(
                               must(book_->next(tx, root)), clock_.wall(), "root",
                               {log.origin, {static_cast<std::uint64_t>(last.size), last.root}})));
        must(tx.commit());
        sign_log(std::nullopt);
    }
    void sign_log(std::optional<std::int64_t> workspace_no) {
        const auto log = must(store::find_open_log(*db_, workspace_no)).value();
        const auto size = static_cast<std::uint64_t>(must(store::log_size(*db_, log.no)));
        ledger::StoredTiles tiles{*db_, log.no};
        ledger::TileHashReader hashes{tiles, size};
        const Digest root = must(ledger::tree_root(size, hashes));
        for (const auto& row :
             must(sealer_->sign({{log.no, workspace_no, log.origin, {size, root}}}, clock_.wall())))
            must(store::insert_checkpoint(*db_, row));
    }
    /// Lets go of the database, as a stopped server does.
    void stop() {
        must(db_->upkeep(sql::Upkeep::closing));
        db_.reset();
    }
    void execute(const std::string& script) { must(db_->execute(script)); }
    sql::Connection& db() { return *db_; }
    intake::Keyring& keys() { return *keys_; }

    void open_writer() {
        store::SqliteOptions options;
        options.path = paths().database();
        options.clock = &clock_;
        db_ = must(store::SqliteConnection::open(std::move(options)));
    }
    void reload() {
        config::Sources sources;
        sources.flags = {"--data.directory=" + root().string(), "--ledger.origin=test.example"};
        configuration_.emplace(must(config::load(sources)));
    }

  private:
    struct NoSink final : intake::FreshSink {
        bool is_backlogged(std::int64_t) const override { return false; }
        void accepted(std::int64_t, std::vector<intake::Fresh>) override {}
        void due(std::int64_t, std::int64_t, Timestamp, std::uint64_t) override {}
    };

    void make() {
        constexpr WorkspaceId nobody{};
        const Timestamp now = clock_.wall();
        must(store::migrate(*db_, {.known = store::migrations(), .now = now}));
        vault_.emplace(must(load_master_keys(settings())), random_);
        const WorkspaceId installation = entropy_.id<WorkspaceId>(now);
        keys_.emplace(*vault_, installation);
        must(db_->begin());
        store::Tx tx{*db_};
        must(store::write_meta(*db_, "master_key_canary", vault_->make_canary()));
        must(store::write_meta(*db_, store::meta::installation_id, installation.bytes()));
        must(keys_->ensure(tx, nobody, 0, now));
        Bytes seed(32, 7);
        must(store::write_meta(
            *db_, "ledger_seed",
            must(vault_->seal({nobody, "meta", "value", as_bytes("ledger_seed")}, seed))));
        store::WorkspaceRow row;
        row.id = entropy_.id<WorkspaceId>(now);
        row.name = "Test";
        row.created_at = now;
        workspace_ = {must(store::insert_workspace(*db_, row)), row.id, "Test"};
        must(db_->commit());
        sealer_ = must(ledger::Sealer::open({*disk_, paths().last_signed(), seed}));
        book_.emplace(ledger::LogBook::Options{"test.example"});
        routing::Directory::Contents contents;
        contents.workspaces.push_back(workspace_);
        directory_.emplace(std::make_shared<const routing::Directory>(
                               routing::Directory::build(std::move(contents))),
                           [](routing::DirectoryPtr) {});
        intake_.emplace(
            intake::Intake::Parts{*keys_, *book_, *directory_, sink_, clock_, entropy_});
    }

    TemporaryFolder folder_;
    std::filesystem::path made_ = [this] {
        std::filesystem::create_directory(root());
        std::filesystem::permissions(root(), std::filesystem::perms::owner_all);
        return root();
    }();
    runtime::ManualClock clock_;
    runtime::SeededEntropy entropy_{1};
    security::TestRandom random_{2};
    std::unique_ptr<runtime::Disk> disk_ = runtime::make_system_disk();
    std::optional<config::Configuration> configuration_;
    std::unique_ptr<store::SqliteConnection> db_;
    std::optional<security::Vault> vault_;
    std::optional<intake::Keyring> keys_;
    routing::WorkspaceFacts workspace_;
    std::unique_ptr<ledger::Sealer> sealer_;
    std::optional<ledger::LogBook> book_;
    std::optional<intake::DirectoryHolder> directory_;
    NoSink sink_;
    std::optional<intake::Intake> intake_;
};

}  // namespace blotter::cli::testing_installation
