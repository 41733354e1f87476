// Backup, keys and doctor.
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/backup.hpp"
#include "cli/doctor.hpp"
#include "cli/keys.hpp"
#include "cli/ledger_check.hpp"
#include "cli/signing.hpp"
#include "cli/test_installation.hpp"
#include "store/tables/keys.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using namespace testing_installation;

config::Configuration configuration_for(const fs::path& root) {
    config::Sources sources;
    sources.flags = {"--data.directory=" + root.string(), "--listen.address=127.0.0.1:0",
                     "--data.free_bytes_min=1KiB"};
    return must(config::load(sources));
}

fs::path put_file(const TestInstallation& data, const std::string& content) {
    const std::string hex = to_hex(sha256(content));
    const fs::path folder = data.paths().files() / hex.substr(0, 2);
    fs::create_directories(folder);
    std::ofstream{folder / hex.substr(2)} << content;
    return folder / hex.substr(2);
}

TEST(Backup, is_a_data_directory_that_can_be_used_once_its_keys_are_taken_back) {
    TestInstallation data;
    const auto events = data.accept(5);
    data.sign();
    const fs::path file = put_file(data, "%PDF kept");
    fs::create_directories(data.paths().files() / "arriving");
    std::ofstream{data.paths().files() / "arriving" / "half"} << "half";
    const InstallationPaths copy{data.root().parent_path() / "backup"};
    Captured out;
    ASSERT_EQ(back_up(out.console, data.settings(), copy.root), exit_ok) << out.text();
    EXPECT_TRUE(fs::exists(copy.files() / file.parent_path().filename() / file.filename()));
    EXPECT_FALSE(fs::exists(copy.files() / "arriving"));
    EXPECT_FALSE(fs::exists(copy.root / "master.key"));
    EXPECT_TRUE(fs::exists(copy.root / "README.txt"));
    struct stat info{};
    ASSERT_EQ(::stat(copy.root.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 077, 0U);
    EXPECT_EQ(back_up(out.console, data.settings(), copy.root), exit_failed)
        << "nothing is overwritten";

    fs::copy(data.root() / "master.key", copy.root / "master.key");
    const auto configuration = configuration_for(copy.root);
    {
        auto in = must(Installation::open(configuration.settings()));
        const LedgerReport report = must(LedgerCheck{*in, {}}.run());
        EXPECT_TRUE(report.is_sound());
        EXPECT_EQ(report.keys_apart, 5U);
        EXPECT_TRUE(must(find_stuck_logs(*in)).empty());
    }
    auto in = must(Installation::open(configuration.settings(), store::Access::read_write));
    // Erased between the restore and the start: stays erased.
    must(in->db().execute("BEGIN IMMEDIATE"));
    must(store::insert_subject_key(in->db(), {events[0].value, 1, Bytes(40, 7), from_ms(1), {}}));
    must(store::destroy_subject_key(in->db(), 1, events[0].value, from_ms(2)));
    must(in->db().execute("COMMIT"));
    EXPECT_EQ(must(take_back_subject_keys(in->db(), in->disk(), copy)), 4);
    EXPECT_FALSE(fs::exists(copy.subject_keys()));
    EXPECT_EQ(must(take_back_subject_keys(in->db(), in->disk(), copy)), 0);
    const LedgerReport report = must(LedgerCheck{*in, {}}.run());
    EXPECT_TRUE(report.is_sound());
    EXPECT_EQ(report.events, 4U);
    EXPECT_EQ(report.erased, 1U);
}

TEST(Backup, names_a_stored_file_that_is_damaged) {
    TestInstallation data;
    data.accept(1);
    const fs::path file = put_file(data, "%PDF whole");
    std::ofstream{file} << "%PDF other";
    Captured out;
    EXPECT_EQ(back_up(out.console, data.settings(), data.root().parent_path() / "b"), exit_failed);
    EXPECT_THAT(out.text(), HasSubstr(file.string()));
}

TEST(Backup, holds_what_its_own_database_knows_was_signed) {
    TestInstallation data;
    data.accept(2);
    data.sign();
    // As if the file had been read before the log existed.
    fs::remove(data.paths().last_signed());
    const InstallationPaths copy{data.root().parent_path() / "backup"};
    Captured out;
    ASSERT_EQ(back_up(out.console, data.settings(), copy.root), exit_ok) << out.text();
    fs::copy(data.root() / "master.key", copy.root / "master.key");
    const auto configuration = configuration_for(copy.root);
    auto in = must(Installation::open(configuration.settings()));
    EXPECT_EQ(must(in->log_state()).size(), 2U);
    EXPECT_TRUE(must(find_stuck_logs(*in)).empty());
}

TEST(Keys, a_rotation_wraps_every_key_anew_and_the_old_master_key_is_not_needed_then) {
    TestInstallation data;
    data.accept(3);
    data.sign();
    Captured running;
    ASSERT_EQ(rotate_keys(running.console, data.settings()), exit_ok) << running.text();
    EXPECT_THAT(running.text(), HasSubstr("A server has the database"));
    data.stop();
    Captured stopped;
    ASSERT_EQ(rewrap_keys(stopped.console, data.settings()), exit_ok) << stopped.text();
    // Only the newest line is left in the file.
    const fs::path file = data.root() / "master.key";
    std::ifstream in{file};
    std::string text, line;
    while (text.empty() && std::getline(in, line))
        if (!line.empty() && line[0] != '#') text = line + "\n";
    in.close();
    fs::remove(file);
    std::ofstream{file} << text;
    fs::permissions(file, fs::perms::owner_read);
    auto opened = must(Installation::open(data.settings()));
    const LedgerReport report = must(LedgerCheck{*opened, {}}.run());
    EXPECT_TRUE(report.is_sound());
    EXPECT_EQ(report.events, 3U);
}

TEST(Keys, a_new_file_is_made_once) {
    const TemporaryFolder folder;
    Captured out;
    EXPECT_EQ(create_keys(out.console, folder.path() / "k"), exit_ok);
    EXPECT_EQ(create_keys(out.console, folder.path() / "k"), exit_failed);
}

std::string failures_of(const std::vector<Diagnosis>& all) {
    std::string out;
    for (const Diagnosis& one : all)
        if (one.health == Health::failure) out += one.subject + ": " + one.words + "\n";
    return out;
}

TEST(Doctor, finds_a_healthy_installation_healthy) {
    TestInstallation data;
    data.accept(3);
    data.sign();
    data.stop();
    EXPECT_EQ(failures_of(diagnose_data(data.settings())), "");
    const auto configuration = configuration_for(data.root());
    Captured out;
    EXPECT_EQ(doctor(out.console, configuration_for(data.root())), exit_ok) << out.text();
    EXPECT_FALSE(fs::exists(data.root() / ".blotter-doctor"));
}

TEST(Doctor, finds_what_is_wrong_and_says_what_to_do) {
    struct Case {
        std::function<void(TestInstallation&)> harm;
        std::string words;
    };
    const auto file = [](TestInstallation& data, const char* name) { return data.root() / name; };
    const Case cases[] = {
        {[&](auto& data) { fs::permissions(data.root(), fs::perms::all); }, "chmod 0700"},
        {[&](auto& data) {
             fs::permissions(file(data, "master.key"),
                             fs::perms::owner_all | fs::perms::others_read);
         },
         "master key"},
        {[&](auto& data) { fs::remove(file(data, "master.key")); }, "master key"},
        {[&](auto& data) {
             fs::remove(file(data, "master.key"));
             std::ofstream{file(data, "master.key")} << "not a key\n";
             fs::permissions(file(data, "master.key"), fs::perms::owner_read);
         },
         "master key"},
        {[&](auto& data) {
             fs::remove(file(data, "master.key"));
             security::TestRandom other{99};
             must(security::create_key_file(file(data, "master.key"), other));
         },
         "installation"},
        {[&](auto& data) { fs::remove(file(data, "last-signed")); }, "ledger"},
        {[&](auto& data) {
             std::fstream db{data.paths().database(), std::ios::in | std::ios::out};
             db.seekp(4096 * 3);
             db << std::string(4096, 'x');
         },
         "database"},
        {[&](auto& data) { std::ofstream{data.paths().database()} << "no database"; }, "database"},
    };
    for (const Case& c : cases) {
        TestInstallation data;
        data.accept(3);
        data.sign();
        data.stop();
        c.harm(data);
        EXPECT_THAT(failures_of(diagnose_data(data.settings())), HasSubstr(c.words));
        Captured out;
        EXPECT_EQ(doctor(out.console, configuration_for(data.root())), exit_failed);
    }
}

TEST(Doctor, a_wrong_setting_is_a_line_of_the_report) {
    config::Sources sources;
    sources.flags = {"--delivery.timeout=0s"};
    Captured out;
    EXPECT_EQ(doctor(out.console, config::load(sources)), exit_failed);
    EXPECT_THAT(out.text(), HasSubstr("delivery.timeout"));
}

TEST(Doctor, a_new_installation_has_nothing_to_mend) {
    const TemporaryFolder folder;
    Captured out;
    EXPECT_EQ(doctor(out.console, configuration_for(folder.path() / "new")), exit_ok) << out.text();
    EXPECT_FALSE(fs::exists(folder.path() / "new"));
}

}  // namespace
}  // namespace blotter::cli
