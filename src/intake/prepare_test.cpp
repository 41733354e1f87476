#include "intake/prepare.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "intake/intake.hpp"
#include "security/test_random.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::intake {
namespace {

using namespace std::chrono_literals;

using store::make_folder;
using store::must;

security::MasterKeys masters() {
    return must(security::MasterKeys::parse(to_base64(Bytes(32, 1)), "the test"));
}

/// Keeps what it is given.
struct Taken final : FreshSink {
    bool is_backlogged(std::int64_t) const override { return false; }
    void accepted(std::int64_t seq, std::vector<Fresh> fresh) override {
        last_seq = seq;
        last = std::move(fresh);
    }
    void due(std::int64_t, std::int64_t, Timestamp, std::uint64_t) override {}
    std::int64_t last_seq = 0;
    std::vector<Fresh> last;
};

/// A workspace in a new store, the writer's side of it, and a loop with a vault of its own.
struct PrepareTest : testing::Test {
    PrepareTest() {
        auto opened =
            must(store::SqliteConnection::open({.path = folder / "blotter.db", .clock = &clock}));
        must(store::migrate(*opened, {.known = store::migrations(), .now = clock.wall()}));
        connection = opened.get();
        writer = std::make_unique<store::Writer>(std::move(opened),
                                                 store::Writer::Options{.idle_after = Duration{0}});
        const auto no = run([&](store::Tx& tx) {
            return store::insert_workspace(
                tx.db(), {.id = workspace.id, .name = "W", .created_at = clock.wall()});
        });
        workspace.no = no;
        holder.emplace(std::make_shared<routing::Directory>(
                           routing::Directory::build({.workspaces = {workspace}})),
                       [this](const routing::DirectoryPtr& next) { published = next; });
        published = std::make_shared<routing::Directory>(holder->get());
        intake.emplace(Intake::Parts{keys, book, *holder, sink, clock, entropy});
        // Everybody holds the same pointer, as after a publication.
        change(holder->get());
    }
    ~PrepareTest() override {
        writer.reset();
        std::filesystem::remove_all(folder);
    }

    template <typename Work>
    auto run(Work work) -> std::invoke_result_t<Work&, store::Tx&>::value_type {
        using R = std::invoke_result_t<Work&, store::Tx&>;
        struct One final : store::Job {
            One(Work w, std::optional<R>& to) : work(std::move(w)), out(to) {}
            Result<> run(store::Tx& tx) override {
                out.emplace(work(tx));
                if (!*out) return pass(out->error());
                return {};
            }
            void finished(std::unique_ptr<Job>, Result<> outcome) override { must(outcome); }
            Work work;
            std::optional<R>& out;
        };
        std::optional<R> out;
        writer->submit(std::make_unique<One>(std::move(work), out));
        writer->drain();
        return must(*std::move(out));
    }

    void change(routing::Directory next) {
        run([&](store::Tx& tx) -> Result<int> {
            holder->change(tx, std::move(next));
            return 0;
        });
    }

    routing::TargetPtr target(std::int64_t no, BodyFormat format) {
        Destination made;
        made.no = no;
        made.workspace_no = workspace.no;
        made.id = entropy.id<DestinationId>(clock.wall());
        made.name = "D";
        made.types = EventTypes::all();
        made.webhook.url = "https://hooks.test/";
        made.webhook.format = format;
        return must(routing::make_target(std::move(made), {}));
    }

    EventDraft draft() {
        EventDraft out;
        out.type = EventType::envelope_completed;
        out.occurred_at = clock.wall();
        out.data = must(json::parse(R"({"envelope":{"id":"E-1","title":"Contrat"}})"));
        return out;
    }

    std::unique_ptr<Prepared> prepare_here(EventDraft& event) {
        return prepare(loop_keys, entropy, published, workspace.no, event, clock.wall());
    }
    /// As a loop does, when the workspace has keys.
    void load_loop_keys() { must(loop_keys.load(*connection, workspace.id, workspace.no)); }

    Accepted accept(EventDraft event, std::unique_ptr<Prepared> prepared = nullptr) {
        return run([&](store::Tx& tx) {
            return intake->accept(tx, workspace.no, std::move(event),
                                  {.prepared = std::move(prepared)});
        });
    }
    connectors::EventFacts stored(const Accepted& accepted) {
        return must(
            open_event(keys, workspace.id, must(load_sealed_event(*connection, accepted.seq))));
    }

    std::filesystem::path folder = make_folder();
    runtime::ManualClock clock;
    runtime::SeededEntropy entropy{3};
    security::TestRandom random{5};
    security::TestRandom loop_random{6};
    security::Vault vault{masters(), random};
    security::Vault loop_vault{masters(), loop_random};
    Keyring keys{vault, WorkspaceId{.value = {9}}};
    Keyring loop_keys{loop_vault, WorkspaceId{.value = {9}}};
    ledger::LogBook book{{.origin = "prepare.test"}};
    Taken sink;
    store::SqliteConnection* connection = nullptr;
    std::unique_ptr<store::Writer> writer;
    routing::WorkspaceFacts workspace{.id = WorkspaceId{.value = {1, 2, 3}}, .name = "W"};
    std::optional<DirectoryHolder> holder;
    routing::DirectoryPtr published;
    std::optional<Intake> intake;
};

TEST_F(PrepareTest, needs_the_keys_of_the_workspace_and_asks_for_them_once_a_second) {
    EventDraft event = draft();
    EXPECT_FALSE(prepare_here(event));
    EXPECT_TRUE(loop_keys.should_load(workspace.id, clock.wall()));
    EXPECT_FALSE(loop_keys.should_load(workspace.id, clock.wall() + 999ms));
    EXPECT_TRUE(loop_keys.should_load(workspace.id, clock.wall() + 1s));
    // Also when the clock went back.
    EXPECT_TRUE(loop_keys.should_load(workspace.id, clock.wall() - 1h));

    accept(event);  // The first event makes them.
    load_loop_keys();
    EXPECT_TRUE(prepare_here(event));
    EXPECT_FALSE(loop_keys.should_load(workspace.id, clock.wall() + 1h));

    // A key that is due for replacement is the writer's business, and then there is one to load.
    const Timestamp later = clock.wall() + std::chrono::days{400};
    EXPECT_FALSE(prepare(loop_keys, entropy, published, workspace.no, event, later));
    EXPECT_TRUE(loop_keys.should_load(workspace.id, later));
}

TEST_F(PrepareTest, is_not_for_what_belongs_to_something_that_is_kept_here) {
    accept(draft());
    load_loop_keys();
    EventDraft own = draft();
    own.envelope = EnvelopeId{.value = {4}};
    EventDraft document = draft();
    document.document = DocumentId{.value = {4}};
    EventDraft named = draft();
    named.id = EventId{.value = {4}};
    for (EventDraft* event : {&own, &document, &named}) EXPECT_FALSE(prepare_here(*event));
}

TEST_F(PrepareTest, what_was_prepared_is_what_the_store_has_and_what_is_sent) {
    change(holder->get().with(target(7, BodyFormat::standard)));
    accept(draft());
    ASSERT_EQ(sink.last.size(), 1U);
    const auto plain = *sink.last.front().event->payload;
    load_loop_keys();

    EventDraft event = draft();
    auto prepared = prepare_here(event);
    ASSERT_TRUE(prepared);
    EXPECT_TRUE(event.data.is_null()) << "the payload is enough for a plain webhook";
    const EventId id = prepared->described.facts->id;
    const Accepted accepted = accept(std::move(event), std::move(prepared));
    EXPECT_EQ(accepted.id, id);
    EXPECT_EQ(accepted.deliveries, 1U);

    ASSERT_EQ(sink.last.size(), 1U);
    const connectors::EventFacts& sent = *sink.last.front().event;
    EXPECT_EQ(sink.last_seq, accepted.seq);
    EXPECT_EQ(sent.seq, accepted.seq);
    EXPECT_EQ(sent.accepted_at, accepted.accepted_at);
    const connectors::EventFacts kept = stored(accepted);
    EXPECT_EQ(*kept.payload, *sent.payload);
    EXPECT_EQ(json::to_text(kept.data), json::to_text(draft().data));
    // The same event made by the writer differs by its id alone.
    std::string same = *sent.payload;
    same.replace(same.find(id.text()), id.text().size(),
                 plain.substr(plain.find("evt_"), id.text().size()));
    EXPECT_EQ(same, plain);
}

TEST_F(PrepareTest, the_data_stays_for_a_destination_that_needs_it) {
    change(holder->get().with(target(7, BodyFormat::standard)));
    change(holder->get().with(target(8, BodyFormat::flat)));
    accept(draft());
    load_loop_keys();
    EventDraft event = draft();
    auto prepared = prepare_here(event);
    ASSERT_TRUE(prepared);
    EXPECT_FALSE(event.data.is_null());
    accept(std::move(event), std::move(prepared));
    ASSERT_EQ(sink.last.size(), 2U);
    EXPECT_EQ(json::to_text(sink.last.front().event->data), json::to_text(draft().data));
}

TEST_F(PrepareTest, is_made_again_when_the_configuration_has_changed_since) {
    change(holder->get().with(target(7, BodyFormat::standard)));
    accept(draft());
    load_loop_keys();
    EventDraft event = draft();
    auto prepared = prepare_here(event);
    ASSERT_TRUE(prepared);
    ASSERT_TRUE(event.data.is_null());
    change(holder->get().with(target(8, BodyFormat::flat)));

    const Accepted accepted = accept(std::move(event), std::move(prepared));
    EXPECT_EQ(accepted.deliveries, 2U) << "the destination that came meanwhile gets it, too";
    ASSERT_EQ(sink.last.size(), 2U);
    EXPECT_EQ(json::to_text(sink.last.front().event->data), json::to_text(draft().data));
    EXPECT_EQ(*stored(accepted).payload, *sink.last.front().event->payload);
}

}  // namespace
}  // namespace blotter::intake
