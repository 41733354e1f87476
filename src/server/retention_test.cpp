#include "server/retention.hpp"

#include <deque>
#include <map>

#include <gtest/gtest.h>

#include "base/invariant.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/access.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/documents.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/events.hpp"
#include "store/tables/files.hpp"
#include "store/tables/keys.hpp"
#include "store/tables/logs.hpp"
#include "store/tables/replays.hpp"
#include "store/tables/request_log.hpp"
#include "store/tables/slack.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::server {
namespace {

using namespace std::chrono_literals;
using namespace blotter::store;

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(describe(result.error()));
    return *std::move(result);
}
void must(Result<> result) {
    if (!result) throw std::runtime_error(describe(result.error()));
}

std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "retention_XXXXXX").string();
    INVARIANT(::mkdtemp(name.data()) != nullptr);
    return name;
}

/// First attempts stand in their deliveries.
constexpr const char* attempts_left = "delivery WHERE first_outcome IS NOT NULL";

struct RetentionTest : testing::Test {
    RetentionTest() {
        auto opened = must(SqliteConnection::open({.path = folder / "blotter.db"}));
        must(migrate(*opened, {.known = migrations(), .now = clock.wall()}));
        connection = opened.get();
        writer.emplace(std::move(opened), Writer::Options{});
        must(blobs.prepare());
    }
    ~RetentionTest() override {
        writer.reset();
        std::filesystem::remove_all(folder);
    }

    sql::Connection& db() { return *connection; }
    template <typename Id>
    Id next_id() {
        Id id;
        id.value[15] = ++ids;
        return id;
    }

    void add_request(Timestamp at) {
        RequestSlice slice{.workspace_no = workspace};
        slice.add({.at = at});
        must(insert_request_slice(db(), slice));
    }

    /// How many rows each table has, as the database itself says.
    std::map<std::string, std::int64_t> rows() {
        std::map<std::string, std::int64_t> out;
        for (const char* table :
             {"request_slice", "idempotency", "event_key",     "destination_secret", attempts_left,
              "file_access",   "replay",      "alert",         "quarantine",         "event",
              "delivery",      "envelope",    "file",          "file_use",           "blob",
              "subject_key",   "leaf",        "tile",          "checkpoint",         "destination",
              "workspace",     "due",         "slack_message", "accounting_document"}) {
            texts.push_back(std::string{"SELECT count(*) FROM "} + table);
            queries.push_back({table, texts.back().c_str()});
            out[table] = must(sql::one(db(), queries.back(), [](const sql::Statement& s) {
                             return s.integer(0);
                         })).value();
        }
        return out;
    }

    /// Lets everything run that is ready, for a while of the manual clock.
    void live(std::chrono::milliseconds time) {
        for (auto gone = 0ms; gone < time; gone += 10ms) {
            while (loop.poll() + writer->drain() > 0) {
            }
            clock.advance(10ms);
        }
    }

    void fill(Timestamp at);
    std::int64_t add_event(std::int64_t envelope_no, std::int64_t destination_no, Timestamp at);
    void fill_document(Timestamp at, const FileId& file);

    runtime::ManualClock clock{from_ms(1'700'000'000'000)};
    runtime::Loop loop{clock};
    std::filesystem::path folder = make_folder();
    std::unique_ptr<runtime::Disk> disk = runtime::make_system_disk();
    runtime::InlineOffload offload;
    sql::Connection* connection = nullptr;
    std::optional<Writer> writer;
    Blobs blobs{*disk, offload, folder / "files"};
    runtime::SeededEntropy entropy{7};
    std::uint8_t ids = 0;
    std::int64_t workspace = 0;
    std::int64_t leaves = 0;
    DeliveryNumbers numbers;
    std::deque<std::string> texts;
    std::deque<sql::Query> queries;
    runtime::TaskGroup tasks{loop};
    struct Nowhere final : observe::LogSink {
        void write(std::string_view) override {}
    } nowhere;
    observe::Logger log{{}, nowhere, [this] { return clock.wall(); }};
    RetentionProbe probe;
};

void RetentionTest::fill_document(Timestamp at, const FileId& file) {
    const std::int64_t entity = must(insert_entity(
        db(), {.id = next_id<EntityId>(), .workspace_no = workspace, .reference = to_rfc3339(at)}));
    const DocumentRow document{.id = next_id<DocumentId>(),
                               .workspace_no = workspace,
                               .entity_no = entity,
                               .state = DocumentState::sent,
                               .created_at = at,
                               .updated_at = at,
                               .document = {1}};
    must(insert_document(db(), document));
    must(insert_subject_key(db(), {.subject = document.id.value, .workspace_no = workspace}));
    must(use_file(db(), file, document.id.value));
}

/// An event that was delivered at once.
std::int64_t RetentionTest::add_event(std::int64_t envelope_no, std::int64_t destination_no,
                                      Timestamp at) {
    Tx tx{db()};
    const std::int64_t delivery = must(numbers.take(tx, destination_no));
    const std::int64_t seq = must(insert_event(db(), {.id = next_id<EventId>(),
                                                      .workspace_no = workspace,
                                                      .envelope_no = envelope_no,
                                                      .accepted_at = at,
                                                      .leaf = leaves,
                                                      .first_delivery = delivery,
                                                      .plan = {&destination_no, 1}}));
    must(insert_event_key(db(), {workspace, as_bytes("key " + std::to_string(ids))},
                          {.event_seq = seq}));
    must(record_first_attempt(db(),
                              {.no = delivery,
                               .event_seq = seq,
                               .destination_no = destination_no,
                               .workspace_no = workspace,
                               .created_at = at},
                              {.started_at = at, .state = DeliveryState::delivered}));
    return seq;
}

/// One of each kind that is over since `at`, and what must stay for ever.
void RetentionTest::fill(Timestamp at) {
    if (workspace == 0)
        workspace = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "w"}));
    add_request(at);
    must(claim_idempotency(db(), {workspace, sha256(std::to_string(ids))}, {}, at));

    const std::int64_t destination = must(insert_destination(
        db(), {.id = next_id<DestinationId>(), .workspace_no = workspace, .kind = "webhook"}));
    must(insert_destination_secret(
        db(),
        {.destination_no = destination, .purpose = "signing", .created_at = at, .expires_at = at}));
    must(insert_destination_secret(
        db(), {.destination_no = destination, .purpose = "signing", .created_at = at}));

    EnvelopeRow envelope{.id = next_id<EnvelopeId>(),
                         .workspace_no = workspace,
                         .state = EnvelopeState::completed,
                         .created_at = at,
                         .updated_at = at};
    envelope.no = must(insert_envelope(db(), envelope));
    must(insert_subject_key(db(), {.subject = envelope.id.value, .workspace_no = workspace}));
    const Blobs::Stored stored = must(blobs.put("pdf " + std::to_string(ids), entropy));
    must(insert_blob(db(), stored.sha256, 1, at));
    const FileRow file{.id = next_id<FileId>(),
                       .workspace_no = workspace,
                       .sha256 = stored.sha256,
                       .created_at = at};
    must(insert_file(db(), file));
    must(use_file(db(), file.id, envelope.id.value));
    must(insert_file_access(db(), {.at = at, .file_id = file.id}));
    fill_document(at, file.id);
    const std::int64_t seq = add_event(envelope.no, destination, at);
    // One about the event, and a sample, which is about none.
    for (const std::int64_t about : {seq, std::int64_t{0}})
        must(insert_slack_message(db(), {.id = next_id<SlackMessageId>(),
                                         .workspace_no = workspace,
                                         .key = {1, "C1", about, "t" + std::to_string(ids)},
                                         .state = SlackMessageState::sent,
                                         .created_at = at}));
    must(advance_watermark(db(), seq));
    must(insert_leaves(db(), 1, {.first = leaves++, .bytes = {1}}));
    must(insert_checkpoint(db(), {.log_no = 1, .size = leaves, .signed_at = at}));

    must(insert_replay(db(), {.id = next_id<ReplayId>(),
                              .workspace_no = workspace,
                              .created_at = at,
                              .state = ReplayState::done}));
    const AlertId alert = next_id<AlertId>();
    must(raise_alert(db(), {.id = alert, .workspace_no = workspace, .kind = "k", .at = at}));
    must(resolve_alert(db(), {.workspace_no = workspace, .id = alert, .by = "p", .at = at}));
    const QuarantineId aside = next_id<QuarantineId>();
    must(insert_quarantine(db(), {.id = aside, .workspace_no = workspace, .received_at = at}));
    must(decide_quarantine(
        db(),
        {.workspace_no = workspace, .id = aside, .state = QuarantineState::rejected, .at = at}));
}

constexpr auto a_year = std::chrono::days{366};

config::Settings settings_of(Duration payloads) {
    config::Settings out;
    out.retention.payloads = payloads;
    out.retention.attempts = std::chrono::days{90};
    out.retention.alerts = std::chrono::days{90};
    out.retention.request_log = std::chrono::days{30};
    out.retention.idempotency_keys = std::chrono::hours{24};
    return out;
}

TEST_F(RetentionTest, deletes_each_kind_when_its_time_is_over_and_nothing_else) {
    fill(clock.wall() - 2 * a_year);
    const auto one_of_each = rows();
    fill(clock.wall());
    // The secret that is over is over at any age.
    const auto before = rows();
    const config::Settings settings = settings_of(a_year);
    Retention retention{
        {loop, *writer, blobs, log, probe, settings, [this] { return std::vector{workspace}; }}};
    retention.start();
    live(59s);
    EXPECT_EQ(rows(), before) << "the first round is after a minute";
    live(10s);
    const auto after = rows();
    const std::map<std::string, std::int64_t> stays_whole{
        {"leaf", 2}, {"checkpoint", 2},        {"tile", 0}, {"destination", 2}, {"workspace", 1},
        {"due", 0},  {"destination_secret", 2}};
    for (const auto& [table, count] : after) {
        const auto whole = stays_whole.find(table);
        EXPECT_EQ(count, whole != stays_whole.end() ? whole->second
                                                    : before.at(table) - one_of_each.at(table))
            << table;
    }
    for (std::size_t i = 0; i < kept_kinds; ++i) {
        const Kept kind = static_cast<Kept>(i);
        // The files of an envelope or document go with it.
        const std::uint64_t expected = kind == Kept::files ? 0 : kind == Kept::secrets ? 2 : 1;
        EXPECT_EQ(probe.deleted[kind].value(), expected) << to_text(kind);
    }
    std::size_t kept = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder / "files"})
        kept += entry.is_regular_file() ? 1 : 0;
    EXPECT_EQ(kept, 1U) << "the bytes that no row names are gone";
    tasks.spawn(retention.stop());
    live(20ms);
}

TEST_F(RetentionTest, keeps_events_envelopes_and_files_for_ever_unless_it_is_told_otherwise) {
    fill(clock.wall() - 2 * a_year);
    fill(clock.wall());
    const auto before = rows();
    const config::Settings settings = settings_of(Duration::zero());
    Retention retention{
        {loop, *writer, blobs, log, probe, settings, [this] { return std::vector{workspace}; }}};
    retention.start();
    live(70s);
    const auto after = rows();
    for (const char* table : {"event", "delivery", "envelope", "accounting_document", "file",
                              "blob", "quarantine", "subject_key", "leaf", "checkpoint"})
        EXPECT_EQ(after.at(table), before.at(table)) << table;
    for (const char* table : {"request_slice", "idempotency", attempts_left, "alert", "replay"})
        EXPECT_EQ(after.at(table), before.at(table) - 1) << table;
    EXPECT_EQ(after.at("slack_message"), 3) << "the sample goes; the other one stays: a replay of "
                                               "its event must find that it was sent";
    tasks.spawn(retention.stop());
    live(20ms);
}

TEST_F(RetentionTest, leaves_the_writer_to_others_between_two_slices) {
    for (int i = 0; i < 1'000; ++i) add_request(clock.wall() - a_year);
    const config::Settings settings = settings_of(a_year);
    Retention retention{
        {loop, *writer, blobs, log, probe, settings, [] { return std::vector<std::int64_t>{}; }}};
    retention.start();
    live(10ms);
    clock.advance(1min);
    while (loop.poll() > 0) {
    }
    std::vector<std::int64_t> left;
    for (int slice = 0; slice < 6; ++slice) {
        // However long nothing else happens: one slice, and then a pause.
        while (loop.poll() + writer->drain() > 0) {
        }
        left.push_back(rows()["request_slice"]);
        clock.advance(20ms);
    }
    EXPECT_EQ(left, (std::vector<std::int64_t>{800, 600, 400, 200, 0, 0}));
    tasks.spawn(retention.stop());
    live(20ms);
}

}  // namespace
}  // namespace blotter::server
