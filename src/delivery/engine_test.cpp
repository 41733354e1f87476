#include "delivery/engine.hpp"

#include <algorithm>
#include <filesystem>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "security/test_random.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

using store::make_folder;
using store::must;

/// Notes what is started; each attempt takes an hour, or is answered at once.
struct Noting final : connectors::Connector {
    explicit Noting(runtime::Loop& l) : loop(l) {}
    runtime::Task<connectors::ReportPtr> attempt(connectors::AttemptRequest request) override {
        started.push_back(request.target->destination.no);
        auto report = std::make_unique<connectors::AttemptReport>();
        report->attempt.started_at = request.started_at;
        report->attempt.request = form;
        report->status = answer;
        if (!answer) co_await loop.sleep_for(1h);
        co_return report;
    }
    void forget(std::int64_t) override {}

    runtime::Loop& loop;
    std::optional<int> answer;
    std::shared_ptr<const RequestForm> form;
    std::vector<std::int64_t> started;
};

/// Keeps the log's lines.
struct Lines final : observe::LogSink {
    void write(std::string_view line) override { all.emplace_back(line); }
    std::size_t count(std::string_view what) const {
        const auto speaks = [&](const std::string& line) { return line.contains(what); };
        return static_cast<std::size_t>(std::ranges::count_if(all, speaks));
    }
    std::vector<std::string> all;
};

/// Nothing is accepted here.
struct Nobody final : intake::FreshSink {
    bool is_backlogged(std::int64_t) const override { return false; }
    void accepted(std::int64_t, std::vector<intake::Fresh>) override {}
    void due(std::int64_t, std::int64_t, Timestamp, std::uint64_t) override {}
};

/// An engine on a new store with destinations 1 to `count`, each in a workspace of its own.
struct EngineTest : testing::Test {
    static constexpr std::int64_t count = 40;

    EngineTest() {
        const std::string path = folder / "blotter.db";
        auto opened = must(store::SqliteConnection::open({.path = path, .clock = &clock}));
        must(store::migrate(*opened, {.known = store::migrations(), .now = clock.wall()}));
        std::vector<std::unique_ptr<sql::Connection>> readers;
        readers.push_back(must(store::SqliteConnection::open(
            {.path = path, .access = store::Access::read_only, .clock = &clock})));
        writer.emplace(std::move(opened), store::Writer::Options{.idle_after = Duration{0}});
        reader.emplace(offload, clock, std::move(readers), store::Reader::Options{});
        routing::Directory::Contents contents;
        for (std::int64_t no = 1; no <= count; ++no) {
            Destination made;
            made.no = no;
            made.workspace_no = no;
            made.kind = "webhook";
            made.id = entropy.id<DestinationId>(clock.wall());
            made.webhook.url = "https://hooks.test/";
            contents.targets.push_back(must(routing::make_target(std::move(made), {})));
        }
        targets = contents.targets;
        auto directory =
            std::make_shared<routing::Directory>(routing::Directory::build(std::move(contents)));
        holder.emplace(directory, [](const routing::DirectoryPtr&) {});
        intake.emplace(intake::Intake::Parts{keys, book, *holder, sink, clock, entropy});
        scribe.emplace(*intake, owed);
        engine.emplace(Engine::Parts{loop,
                                     entropy,
                                     *writer,
                                     *reader,
                                     *scribe,
                                     keys,
                                     backlogs,
                                     log,
                                     probe,
                                     {{"webhook", &noting}}},
                       Engine::Options{}, directory);
        engine->start();
        loop.poll();
    }
    ~EngineTest() override {
        engine.reset();
        std::filesystem::remove_all(folder);
    }

    void put(std::int64_t destination_no) {
        auto event = std::make_shared<connectors::EventFacts>();
        event->seq = ++events;
        event->accepted_at = clock.wall();
        event->payload = std::make_shared<const std::string>("{}");
        owed.accepted(event->seq, 1);
        engine->put(intake::Fresh{event, targets[static_cast<std::size_t>(destination_no - 1)],
                                  event->seq});
    }

    std::filesystem::path folder = make_folder();
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    runtime::InlineOffload offload;
    runtime::SeededEntropy entropy{3};
    security::TestRandom random{5};
    security::Vault vault{must(security::MasterKeys::parse(to_base64(Bytes(32, 1)), "the test")),
                          random};
    intake::Keyring keys{vault, WorkspaceId{.value = {9}}};
    ledger::LogBook book{{.origin = "engine.test"}};
    Nobody sink;
    std::optional<store::Writer> writer;
    std::optional<store::Reader> reader;
    std::vector<routing::TargetPtr> targets;
    std::optional<intake::DirectoryHolder> holder;
    std::optional<intake::Intake> intake;
    FirstAttempts owed{0};
    std::optional<Scribe> scribe;
    Backlogs backlogs;
    Lines lines;
    observe::Logger log{{}, lines, [this] { return clock.wall(); }};
    DeliveryProbe probe;
    Noting noting{loop};
    std::int64_t events = 0;
    std::optional<Engine> engine;
};

TEST_F(EngineTest, a_burst_leaves_the_loop_to_others_between_a_few_starts) {
    for (std::int64_t no = 1; no <= count; ++no) put(no);
    // Another of the loop's guests: in each of its turns it sees how many were started since.
    std::vector<std::size_t> seen{0};
    std::function<void()> guest = [&] {
        seen.push_back(noting.started.size());
        if (seen.size() < 30) boost::asio::post(loop.context(), guest);
    };
    boost::asio::post(loop.context(), guest);
    loop.poll();

    ASSERT_EQ(noting.started.size(), static_cast<std::size_t>(count)) << "all were started";
    for (std::size_t i = 1; i < seen.size(); ++i)
        EXPECT_LE(static_cast<int>(seen[i] - seen[i - 1]), Engine::starts_at_once) << "turn " << i;
}

TEST_F(EngineTest, of_many_successes_in_a_second_some_have_a_line_and_the_rest_is_counted) {
    const auto attempts = [&](int number, int answer) {
        noting.answer = answer;
        for (int i = 0; i < number; ++i) put(1 + i % count);
        while (loop.poll() + writer->drain() > 0) {
        }
    };
    attempts(250, 200);
    EXPECT_EQ(noting.started.size(), 250U);
    EXPECT_EQ(lines.count("delivery.attempted"), 200U);
    clock.advance(1s);
    attempts(20, 200);
    EXPECT_EQ(lines.count("delivery.attempted"), 220U) << "a second later there is room again";
    EXPECT_EQ(lines.count(R"("what":"delivery.lines_left_out","count":50)"), 1U);
    attempts(200, 200);
    EXPECT_EQ(lines.count("delivery.attempted"), 400U);
    attempts(20, 500);
    EXPECT_EQ(lines.count("delivery.attempted"), 420U) << "each failure has its line";
}

/// The number of a form is known only as long as the transaction is that wrote it.
TEST_F(EngineTest, a_form_that_was_lost_with_its_transaction_is_written_again) {
    Record record;
    record.delivery_no = 1;
    record.event_seq = 1;
    record.destination_no = 1;
    record.workspace_no = 1;
    record.form = std::make_shared<store::AttemptForm>(store::AttemptForm{
        .destination_no = 1, .request = RequestForm::plain("POST / HTTP/1.1\r\n")});
    const std::vector<Record> records{record};
    std::vector<bool> outcomes;
    runtime::TaskGroup group{loop};
    const auto write = [&](bool is_lost) -> runtime::Task<> {
        const auto done = co_await store::write(loop, *writer, [&](store::Tx& tx) -> Result<> {
            CHECK(scribe->write(tx, records));
            if (is_lost) return fail(Errc::internal, "of this test");
            return {};
        });
        outcomes.push_back(done.has_value());
    };
    for (const bool is_lost : {true, false}) {
        group.spawn(write(is_lost));
        while (loop.poll() + writer->drain() > 0) {
        }
        EXPECT_EQ(record.form->no == 0, is_lost);
    }
    EXPECT_EQ(outcomes, (std::vector<bool>{false, true}));
    auto db = must(store::SqliteConnection::open(
        {.path = folder / "blotter.db", .access = store::Access::read_only}));
    const auto attempts = must(store::list_attempts(*db, 1));
    ASSERT_EQ(attempts.size(), 1U);
    EXPECT_EQ(as_text(attempts[0].detail), R"({"request_headers":"POST / HTTP/1.1\r\n"})");
}

TEST_F(EngineTest, attempts_of_a_destination_share_what_they_have_in_common) {
    noting.form = RequestForm::plain("POST / HTTP/1.1\r\n");
    noting.answer = 200;
    for (int i = 0; i < 20; ++i) put(1 + i % 2);
    while (loop.poll() + writer->drain() > 0) {
    }
    ASSERT_EQ(noting.started.size(), 20U);
    auto db = must(store::SqliteConnection::open(
        {.path = folder / "blotter.db", .access = store::Access::read_only}));
    static constexpr sql::Query forms{"test.forms", "SELECT count(*) FROM attempt_form"};
    const auto read = [](const sql::Statement& s) { return s.integer(0); };
    EXPECT_EQ(must(sql::one(*db, forms, read)), 2);
}

}  // namespace
}  // namespace blotter::delivery
