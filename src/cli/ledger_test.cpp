#include "cli/ledger.hpp"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/ledger_check.hpp"
#include "cli/test_installation.hpp"
#include "ledger/proof.hpp"
#include "store/tables/keys.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using namespace testing_installation;

LedgerReport check(const TestInstallation& data) {
    auto in = must(Installation::open(data.settings()));
    return must(LedgerCheck{*in, {}}.run());
}

std::string words_of(const LedgerReport& report) {
    std::string out;
    for (const LedgerFinding& finding : report.findings) out += describe(finding) + "\n";
    return out;
}

std::string read(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(LedgerVerify, a_ledger_as_a_server_leaves_it_is_sound) {
    TestInstallation data;
    data.accept(300);
    data.sign();
    data.accept(3);
    const LedgerReport beside_a_server = check(data);
    data.stop();
    const LedgerReport report = check(data);
    EXPECT_EQ(words_of(report), "");
    EXPECT_EQ(words_of(beside_a_server), "");
    EXPECT_EQ(report.logs, 2U);
    EXPECT_EQ(report.entries, 304U);
    EXPECT_EQ(report.events, 303U);
    EXPECT_EQ(report.tiles, 1U);
    EXPECT_EQ(report.checkpoints, 2U);
    EXPECT_EQ(report.unsigned_entries, 3U);
    EXPECT_EQ(report.no_longer_kept, 0U);
}

TEST(LedgerVerify, every_kind_of_damage_is_found_and_said_where) {
    struct Case {
        std::string script, words;
    };
    const std::string leaf = "UPDATE leaf SET entry = CAST(replace(CAST(entry AS TEXT), ";
    const Case cases[] = {
        {leaf + "'\"v\":1', '\"v\":2') AS BLOB) WHERE key = (1 << 36) + 17",
         "entry 17: this is no entry"},
        {leaf + "'\"at\":\"20', '\"at\":\"19') AS BLOB) WHERE key = (1 << 36) + 17", "entry 17"},
        {leaf + "'\"c\":\"', '\"c\":\"0') AS BLOB) WHERE key = (1 << 36) + 290",
         "entries 0 to 299 is not what was signed"},
        {"DELETE FROM leaf WHERE key = (1 << 36) + 40", "entry 40"},
        {"DELETE FROM leaf WHERE key = (1 << 36) + 299", "300 entries were signed"},
        {"UPDATE leaf SET key = (1 << 36) + 999 WHERE key = (1 << 36) + 299", "entry 299"},
        {"DELETE FROM leaf WHERE key = (1 << 36) + 18", "entry 18"},
        {"UPDATE leaf SET entry = zeroblob(length(entry)) WHERE key = (1 << 36) + 18",
         "entry 18: this is no entry"},
        {"UPDATE leaf SET entry = substr(entry, 1, length(entry) - 9) WHERE key = (1 << 36) + 18",
         "entry 39: this is no entry"},
        {"UPDATE leaf SET count = 3 WHERE key = (1 << 36) + 18", "entry 21: this is no entry"},
        {"UPDATE leaf SET count = 23 WHERE key = (1 << 36) + 18", "entry 40: this is no entry"},
        {"UPDATE leaf SET count = 1 << 40 WHERE key = (1 << 36) + 299", "entry 299: this is no"},
        {"UPDATE leaf SET count = -1 WHERE key = (1 << 36) + 18", "entry 18: this is no entry"},
        {"DELETE FROM tile", "tile/0/000 is missing"},
        {"UPDATE tile SET hashes = zeroblob(8192)", "hash of this entry is not the one in"},
        {"UPDATE tile SET hashes = zeroblob(32)", "another length"},
        {"INSERT INTO tile VALUES (1, 0, 7, zeroblob(8192))", "there are 8 full tiles of level 0"},
        {"UPDATE checkpoint SET root = zeroblob(32) WHERE log_no = 1", "signed for something else"},
        {"UPDATE checkpoint SET note = replace(note, '300', '299') WHERE log_no = 1",
         "the checkpoint of 300 entries"},
        {"UPDATE checkpoint SET size = 1000 WHERE log_no = 1",
         "a checkpoint says 1000 entries, the log has 300"},
        {"UPDATE event SET payload = zeroblob(length(payload)) WHERE leaf = 5",
         "entry 5: the payload"},
        {"UPDATE event SET payload = (SELECT payload FROM event WHERE leaf = 6) WHERE leaf = 5",
         "entry 5: the payload"},
        {"UPDATE event SET leaf = 6 WHERE leaf = 5", "is about something else"},
        {"UPDATE event SET leaf = 4000 WHERE leaf = 5", "names an entry that is not there"},
        {"UPDATE event SET leaf = -1 WHERE leaf = 5", "names an entry that is not there"},
        {"UPDATE event SET leaf = 1 << 40 WHERE leaf = 5", "names an entry that is not there"},
        {"UPDATE event SET log_no = 1 << 40 WHERE leaf = 5", "names an entry that is not there"},
        {"UPDATE event SET accepted_ms = accepted_ms + 1 WHERE leaf = 5", "another time"},
        {"UPDATE event SET type = type + 1 WHERE leaf = 5",
         "the payload that was accepted says envelope.sent"},
        {"UPDATE event SET occurred_ms = occurred_ms - 86400000 WHERE leaf = 5",
         "the row says timestamp"},
        {"DELETE FROM event WHERE leaf = 5", "is missing, and retention did not delete it"},
        {"DELETE FROM subject_key", "key"},
    };
    for (const Case& c : cases) {
        TestInstallation data;
        // Entries 17, 40, 290 and 299 have rows of their own, the others are in rows of several.
        for (const int together : {17, 1, 22, 1, 249, 1, 8, 1}) data.accept(together);
        data.sign();
        data.execute(c.script);
        data.stop();
        const LedgerReport report = check(data);
        EXPECT_FALSE(report.is_sound()) << c.script;
        EXPECT_THAT(words_of(report), HasSubstr(c.words)) << c.script;
        Captured out;
        EXPECT_EQ(verify_ledger(out.console, data.settings()), exit_failed);
        EXPECT_THAT(out.text(), HasSubstr("the ledger is damaged"));
    }
}

TEST(LedgerVerify, an_erased_event_is_no_damage) {
    TestInstallation data;
    const auto events = data.accept(3);
    data.sign();
    data.execute("BEGIN IMMEDIATE");
    must(store::destroy_subject_key(data.db(), 1, events[1].value, from_ms(1)));
    data.execute("COMMIT");
    data.stop();
    const LedgerReport report = check(data);
    EXPECT_EQ(words_of(report), "");
    EXPECT_EQ(report.erased, 1U);
    EXPECT_EQ(report.events, 2U);
}

TEST(LedgerVerify, an_event_that_retention_deleted_is_no_damage) {
    TestInstallation data;
    data.accept(3);
    data.sign();
    data.execute(
        "INSERT INTO event_leaf (id, workspace_no, log_no, leaf) "
        "SELECT id, workspace_no, log_no, leaf FROM event WHERE leaf = 0");
    data.execute("DELETE FROM event WHERE leaf = 0");
    data.stop();
    const LedgerReport report = check(data);
    EXPECT_EQ(words_of(report), "");
    EXPECT_EQ(report.no_longer_kept, 1U);
}

TEST(LedgerVerify, a_database_from_before_the_last_signature_is_found_and_can_be_forked) {
    TestInstallation data;
    data.accept(3);
    data.sign();
    data.stop();
    const std::string old = read(data.paths().database());
    data.open_writer();
    data.accept(4);
    data.sign_log(1);
    data.stop();
    fs::remove(data.paths().database().string() + "-wal");
    std::ofstream{data.paths().database(), std::ios::binary} << old;
    EXPECT_THAT(words_of(check(data)), HasSubstr("7 entries were signed, the database has 3"));

    Captured out;
    ASSERT_EQ(fork_ledger(out.console, data.settings(), "the disk was lost"), exit_ok)
        << out.text();
    EXPECT_THAT(out.text(), HasSubstr(data.origin() + "/fork-1 takes over"));
    EXPECT_THAT(out.text(), HasSubstr("7 entries"));
    const LedgerReport report = check(data);
    EXPECT_EQ(words_of(report), "");
    EXPECT_EQ(report.logs, 3U);

    Captured again;
    EXPECT_EQ(fork_ledger(again.console, data.settings(), "once more"), exit_ok);
    EXPECT_THAT(again.text(), HasSubstr("nothing to fork"));
}

TEST(LedgerVerify, a_lost_file_of_last_signatures_is_found) {
    TestInstallation data;
    data.accept(3);
    data.sign();
    data.stop();
    fs::remove(data.paths().last_signed());
    EXPECT_THAT(words_of(check(data)), HasSubstr("does not know this log"));
    std::ofstream{data.paths().last_signed()} << "blotter-log-state v1\n";
    EXPECT_THAT(words_of(check(data)), HasSubstr("last-signed"));
}

TEST(LedgerFork, is_refused_while_a_server_has_the_database_and_without_a_reason) {
    TestInstallation data;
    data.accept(1);
    data.sign();
    Captured out;
    EXPECT_EQ(fork_ledger(out.console, data.settings(), "a reason"), exit_failed);
    data.stop();
    EXPECT_EQ(fork_ledger(out.console, data.settings(), ""), exit_usage);
}

TEST(LedgerProve, gives_a_proof_that_stands_alone) {
    TestInstallation data;
    const auto events = data.accept(5);
    data.sign();
    const auto late = data.accept(1);
    const fs::path file = data.root() / "e.tlog-proof";
    Captured out;
    ASSERT_EQ(prove_event(out.console, data.settings(), events[2].text(), file), exit_ok)
        << out.text();
    Captured key;
    ASSERT_EQ(show_checkpoint(key.console, data.settings(), data.workspace().text(),
                              CheckpointPart::verifier_key),
              exit_ok);
    std::string text = key.text();
    text.pop_back();
    const auto entry =
        ledger::verify_proof_text(read(file), must(ledger::NoteVerifier::parse(text)));
    ASSERT_TRUE(entry) << entry.error().detail;
    EXPECT_THAT(std::string{as_text(*entry)}, HasSubstr(events[2].text()));
    // The row of the event may be gone: its entry never is.
    data.execute("DELETE FROM event WHERE leaf = 2");
    const fs::path again = data.root() / "again.tlog-proof";
    EXPECT_EQ(prove_event(out.console, data.settings(), events[2].text(), again), exit_ok);
    EXPECT_EQ(read(again), read(file));
    EXPECT_EQ(prove_event(out.console, data.settings(), late[0].text(), {}), exit_failed);
    EXPECT_EQ(prove_event(out.console, data.settings(), EventId{}.text(), {}), exit_failed);
    EXPECT_EQ(prove_event(out.console, data.settings(), "evt_1", {}), exit_usage);
}

TEST(LedgerExport, is_verified_with_the_root_key_and_a_changed_byte_is_found) {
    TestInstallation data;
    data.accept(300);
    data.sign();
    const fs::path folder = data.root() / "export";
    Captured out;
    ASSERT_EQ(export_ledger(out.console, data.settings(), folder, ""), exit_ok) << out.text();
    EXPECT_TRUE(fs::exists(folder / "root" / "checkpoint"));
    const fs::path log = folder / data.workspace().text();
    EXPECT_TRUE(fs::exists(log / "tile" / "entries" / "000"));
    EXPECT_EQ(export_ledger(out.console, data.settings(), folder, ""), exit_failed)
        << "an export overwrites nothing";

    Captured key;
    ASSERT_EQ(show_checkpoint(key.console, data.settings(), "", CheckpointPart::verifier_key),
              exit_ok);
    std::string root_key = key.text();
    root_key.pop_back();
    Captured sound;
    EXPECT_EQ(verify_exports(sound.console, {folder, {root_key}}), exit_ok) << sound.text();
    EXPECT_EQ(verify_exports(sound.console, {log, {}}), exit_ok) << sound.text();
    const Bytes other_seed(32, 9);
    const auto other = must(ledger::NoteSigner::create(
        "test.example", std::span<const std::uint8_t, 32>{other_seed.data(), 32}));
    EXPECT_EQ(verify_exports(sound.console, {folder, {other.verifier().text()}}), exit_failed);
    EXPECT_EQ(verify_exports(sound.console, {folder, {"no key"}}), exit_usage);
    EXPECT_EQ(verify_exports(sound.console, {folder / "none", {}}), exit_failed);

    const fs::path bundle = log / "tile" / "entries" / "000";
    std::string bytes = read(bundle);
    bytes[1'000] ^= 1;
    std::ofstream{bundle, std::ios::binary} << bytes;
    Captured changed;
    EXPECT_EQ(verify_exports(changed.console, {folder, {root_key}}), exit_failed);
    EXPECT_THAT(changed.text(), HasSubstr("tile/entries/000"));
}

TEST(LedgerCommands, say_what_to_do_when_there_is_no_data) {
    const TemporaryFolder folder;
    config::Sources sources;
    sources.flags = {"--data.directory=" + (folder.path() / "none").string()};
    const auto configuration = must(config::load(sources));
    Captured out;
    EXPECT_EQ(verify_ledger(out.console, configuration.settings()), exit_failed);
    EXPECT_THAT(out.text(), HasSubstr("--data.directory"));
    EXPECT_FALSE(fs::exists(folder.path() / "none")) << "looking makes nothing";
}

}  // namespace
}  // namespace blotter::cli
