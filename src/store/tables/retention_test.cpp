#include "store/tables/alerts.hpp"
#include "store/tables/attempt_forms.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/events.hpp"
#include "store/tables/files.hpp"
#include "store/tables/keys.hpp"
#include "store/tables/queue.hpp"
#include "store/tables/replays.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

/// What is deleted when its time is over, and that nothing else is.
namespace blotter::store {
namespace {

constexpr std::int64_t day = 86'400'000;

class Retention : public TablesTest {
  protected:
    Retention() {
        mine = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "mine"}));
    }
    std::int64_t event(std::int64_t accepted_ms, std::int64_t envelope_no = 0) {
        const EventId id = next_id<EventId>();
        NewEvent row{.id = id, .workspace_no = mine, .accepted_at = from_ms(accepted_ms)};
        if (envelope_no != 0) row.envelope_no = envelope_no;
        must(insert_subject_key(db(), {.subject = id.value, .workspace_no = mine}));
        return must(insert_event(db(), row));
    }
    /// A delivery with one attempt.
    std::int64_t attempted(std::int64_t event_seq, std::int64_t at_ms, DeliveryState state) {
        NewDelivery row{.no = number(event_seq, 1),
                        .event_seq = event_seq,
                        .destination_no = 1,
                        .workspace_no = mine,
                        .created_at = from_ms(at_ms)};
        AttemptResult result{.started_at = from_ms(at_ms), .state = state};
        if (!is_final(state)) result.next_at = from_ms(at_ms + 1);
        return record_first(row, result).value();
    }
    FileId file(std::string_view content, std::int64_t created_ms) {
        must(insert_blob(db(), sha256(content), 1, from_ms(created_ms)));
        const FileRow row{.id = next_id<FileId>(),
                          .workspace_no = mine,
                          .sha256 = sha256(content),
                          .created_at = from_ms(created_ms)};
        must(insert_file(db(), row));
        return row.id;
    }
    bool has_file(const FileId& id) { return must(find_file(db(), mine, id)).has_value(); }

    std::int64_t mine = 0;
};

TEST_F(Retention, keys_of_events_go_and_the_events_stay) {
    const std::int64_t old = event(0);
    const std::int64_t young = event(5 * day);
    must(insert_event_key(db(), {mine, as_bytes("old")}, {.event_seq = old}));
    must(insert_event_key(db(), {mine, as_bytes("young")}, {.event_seq = young}));
    EXPECT_EQ(must(purge_event_keys(db(), from_ms(day), 10)), 1);
    EXPECT_FALSE(must(find_event_key(db(), {mine, as_bytes("old")})));
    EXPECT_TRUE(must(find_event_key(db(), {mine, as_bytes("young")})));
    EXPECT_TRUE(must(load_event(db(), old, Payload::skip)));
}

TEST_F(Retention, attempts_go_once_their_delivery_is_over_for_long_enough) {
    const std::int64_t done = attempted(event(0), 0, DeliveryState::delivered);
    const std::int64_t open = attempted(event(1), 1, DeliveryState::retrying);
    const std::int64_t failed = attempted(event(2), 2, DeliveryState::failed);
    const std::int64_t young = attempted(event(3 * day), 3 * day, DeliveryState::delivered);
    std::int64_t deleted = 0;
    std::int64_t after = 0;
    for (;;) {
        const Chunk chunk = must(delete_old_attempts(db(), {from_ms(2 * day), after, 1}));
        deleted += chunk.deleted;
        if (!chunk.next) break;
        after = *chunk.next;
    }
    EXPECT_EQ(deleted, 2);
    for (const std::int64_t no : {done, failed}) {
        EXPECT_TRUE(must(list_attempts(db(), no)).empty());
        EXPECT_EQ(must(load_delivery(db(), no))->attempts, 1U) << "the delivery itself stays";
    }
    for (const std::int64_t no : {open, young}) EXPECT_EQ(must(list_attempts(db(), no)).size(), 1U);
}

TEST_F(Retention, what_attempts_had_in_common_goes_a_month_after_them) {
    const auto keep = [&](const std::string& address, int used_on) {
        const AttemptForm form{
            .destination_no = 1, .request = RequestForm::plain(address), .address = address};
        return must(keep_attempt_form(db(), form, from_ms(used_on * day)));
    };
    const auto forms = [&] {
        static constexpr sql::Query count{"test.forms",
                                          "SELECT count(*) FROM attempt_form WHERE no > 0"};
        return must(sql::one(db(), count, [](const sql::Statement& s) { return s.integer(0); }))
            .value();
    };
    keep("a", 0);
    keep("b", 1);
    attempted(event(0), 0, DeliveryState::delivered);
    const Chunk half = must(delete_old_attempts(db(), {from_ms(32 * day + 1), 0, 1}));
    ASSERT_TRUE(half.next) << "there may be more attempts of that time";
    EXPECT_EQ(forms(), 2);
    must(delete_old_attempts(db(), {from_ms(32 * day), *half.next, 1}));
    EXPECT_EQ(forms(), 2);
    must(delete_old_attempts(db(), {from_ms(32 * day + 1), *half.next, 1}));
    EXPECT_EQ(forms(), 1);
}

TEST_F(Retention, attempts_of_what_was_open_when_they_were_old_go_later) {
    const std::int64_t open = attempted(event(1), 1, DeliveryState::retrying);
    const std::int64_t gone = attempted(event(2), 2, DeliveryState::retrying);
    attempted(event(9 * day), 9 * day, DeliveryState::delivered);
    const auto all = [&](std::int64_t before) {
        std::int64_t deleted = 0;
        std::int64_t after = 0;
        for (int calls = 0; calls < 100; ++calls) {
            const Chunk chunk = must(delete_old_attempts(db(), {from_ms(before), after, 1}));
            deleted += chunk.deleted;
            if (!chunk.next) return deleted;
            after = *chunk.next;
        }
        ADD_FAILURE() << "no end";
        return deleted;
    };
    EXPECT_EQ(all(2 * day), 0);
    EXPECT_EQ(all(2 * day), 0) << "again";
    must(record_attempt(db(), open, {.n = 2, .started_at = from_ms(3 * day)}));
    EXPECT_EQ(all(3 * day), 0) << "not over for long enough";
    must(db().execute("DELETE FROM delivery WHERE no = " + std::to_string(gone)));
    EXPECT_EQ(all(4 * day), 2);
    EXPECT_TRUE(must(list_attempts(db(), open)).empty());
    static constexpr sql::Query kept{"test.kept",
                                     "SELECT count(*) FROM attempt_kept WHERE delivery_no > 0"};
    const auto count = [](const sql::Statement& s) { return s.integer(0); };
    EXPECT_EQ(must(sql::one(db(), kept, count)), 0) << "nothing is looked at for ever";
}

TEST_F(Retention, an_event_takes_a_key_of_its_own_along_and_leaves_where_its_entry_is) {
    const EventId id = next_id<EventId>();
    must(insert_subject_key(db(), {.subject = id.value, .workspace_no = mine}));
    must(insert_event(
        db(),
        {.id = id, .workspace_no = mine, .accepted_at = from_ms(0), .log_no = 3, .leaf = 14}));
    EXPECT_EQ(must(find_event_leaf(db(), mine, id))->leaf, 14);
    const std::int64_t newest = event(1);
    must(advance_watermark(db(), newest));
    EXPECT_EQ(must(delete_old_events(db(), {.workspace_no = mine, .before = from_ms(5)})).deleted,
              1);
    EXPECT_FALSE(must(find_subject_key(db(), mine, id.value)));
    EXPECT_FALSE(must(find_event(db(), mine, id)));
    const auto kept = must(find_event_leaf(db(), mine, id));
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->log_no, 3);
    EXPECT_EQ(kept->leaf, 14);
    EXPECT_FALSE(must(find_event_leaf(db(), mine + 1, id)));
}

TEST_F(Retention, what_is_owed_to_a_destination_stays_and_what_went_nowhere_goes) {
    const auto planned = [&](const std::vector<std::int64_t>& plan) {
        return insert_planned({.id = next_id<EventId>(),
                               .workspace_no = mine,
                               .accepted_at = from_ms(0),
                               .plan = plan});
    };
    const std::int64_t nowhere = planned({});
    const std::int64_t owed = planned({7});
    const std::int64_t newest = planned({});
    ASSERT_EQ(must(read_watermark(db())), 0) << "no first attempt was ever made";
    EXPECT_EQ(must(delete_old_events(db(), {.workspace_no = mine, .before = from_ms(5)})).deleted,
              1);
    EXPECT_FALSE(must(load_event(db(), nowhere, Payload::skip)));
    for (const std::int64_t seq : {owed, newest})
        EXPECT_TRUE(must(load_event(db(), seq, Payload::skip)));
}

TEST_F(Retention, an_envelope_takes_its_key_and_the_files_that_nobody_else_names_along) {
    EnvelopeRow over{.id = next_id<EnvelopeId>(),
                     .workspace_no = mine,
                     .state = EnvelopeState::completed,
                     .updated_at = from_ms(1)};
    EnvelopeRow open{.id = next_id<EnvelopeId>(), .workspace_no = mine};
    for (EnvelopeRow* row : {&over, &open}) {
        row->no = must(insert_envelope(db(), *row));
        must(insert_subject_key(db(), {.subject = row->id.value, .workspace_no = mine}));
    }
    const FileId own = file("own", 1);
    const FileId shared = file("shared", 1);
    must(use_file(db(), own, over.id.value));
    must(use_file(db(), own, over.id.value));
    must(use_file(db(), shared, over.id.value));
    must(use_file(db(), shared, open.id.value));
    const EnvelopeRetention retention{.workspace_no = mine, .before = from_ms(5)};
    EXPECT_EQ(must(delete_old_envelopes(db(), retention)).deleted, 1);
    EXPECT_FALSE(has_file(own));
    EXPECT_TRUE(has_file(shared));
    EXPECT_FALSE(must(find_subject_key(db(), mine, over.id.value)));
    EXPECT_TRUE(must(find_subject_key(db(), mine, open.id.value)));
    EXPECT_EQ(must(delete_files_of(db(), open.id.value)), 1);
    EXPECT_FALSE(has_file(shared));
}

TEST_F(Retention, files_that_nobody_names_go_by_age) {
    const FileId old = file("old", 1);
    const FileId named = file("named", 1);
    const FileId young = file("young", 50);
    must(use_file(db(), named, next_id<EnvelopeId>().value));
    const Chunk first = must(delete_unnamed_files(db(), {from_ms(10), 0, 2}));
    EXPECT_EQ(first.deleted, 1);
    ASSERT_TRUE(first.next);
    EXPECT_FALSE(must(delete_unnamed_files(db(), {from_ms(10), *first.next, 2})).next);
    EXPECT_FALSE(has_file(old));
    EXPECT_TRUE(has_file(named));
    EXPECT_TRUE(has_file(young));
}

TEST_F(Retention, walks_end_at_the_first_young_row) {
    const Timestamp young = from_ms(3 * day);
    for (int i = 0; i < 3; ++i) {
        file("file " + std::to_string(i), 3 * day);
        must(insert_envelope(db(), {.id = next_id<EnvelopeId>(),
                                    .workspace_no = mine,
                                    .created_at = young,
                                    .updated_at = young}));
        must(insert_quarantine(
            db(), {.id = next_id<QuarantineId>(), .workspace_no = mine, .received_at = young}));
    }
    const Timestamp before = from_ms(day);
    EXPECT_FALSE(must(delete_unnamed_files(db(), {before, 0, 1})).next);
    EXPECT_FALSE(must(delete_old_quarantine(db(), {before, 0, 1})).next);
    EXPECT_FALSE(must(delete_old_envelopes(db(), {mine, before, 0, 1})).next);
}

TEST_F(Retention, replays_and_quarantine_go_when_they_are_over) {
    const auto replay = [&](std::int64_t created_ms, ReplayState state) {
        const ReplayRow row{.id = next_id<ReplayId>(),
                            .workspace_no = mine,
                            .created_at = from_ms(created_ms),
                            .state = state};
        must(insert_replay(db(), row));
        return row.id;
    };
    const ReplayId running = replay(1, ReplayState::running);
    const ReplayId done = replay(1, ReplayState::done);
    const ReplayId young = replay(50, ReplayState::done);
    EXPECT_EQ(must(purge_replays(db(), from_ms(10), 100)), 1);
    EXPECT_TRUE(must(find_replay(db(), mine, running)));
    EXPECT_FALSE(must(find_replay(db(), mine, done)));
    EXPECT_TRUE(must(find_replay(db(), mine, young)));

    const auto aside = [&] {
        const QuarantineRow row{.id = next_id<QuarantineId>(), .workspace_no = mine};
        must(insert_quarantine(db(), row));
        return row.id;
    };
    const QuarantineId waiting = aside();
    const QuarantineId decided = aside();
    must(decide_quarantine(db(), {.workspace_no = mine,
                                  .id = decided,
                                  .state = QuarantineState::rejected,
                                  .at = from_ms(5)}));
    EXPECT_EQ(must(delete_old_quarantine(db(), {from_ms(5)})).deleted, 0);
    EXPECT_EQ(must(delete_old_quarantine(db(), {from_ms(6)})).deleted, 1);
    EXPECT_TRUE(must(find_quarantine(db(), mine, waiting)));
    EXPECT_FALSE(must(find_quarantine(db(), mine, decided)));
}

TEST_F(Retention, what_waits_is_counted_up_to_a_cap) {
    EXPECT_FALSE(must(read_queue_figures(db(), 10)).oldest_due);
    for (int i = 1; i <= 3; ++i) attempted(event(i), 10 * i, DeliveryState::retrying);
    NewDelivery held{.no = number(0, 2),
                     .event_seq = event(9),
                     .destination_no = 2,
                     .workspace_no = mine,
                     .state = DeliveryState::held};
    must(insert_delivery(db(), held));
    const QueueFigures figures = must(read_queue_figures(db(), 10));
    EXPECT_EQ(figures.due.n, 3);
    EXPECT_EQ(figures.held.n, 1);
    EXPECT_EQ(figures.oldest_due, from_ms(11));
    EXPECT_FALSE(must(read_queue_figures(db(), 2)).due.complete);
    EXPECT_EQ(must(count_unresolved_alerts(db(), 10)).n, 0);
    must(raise_alert(db(), {.id = next_id<AlertId>(), .workspace_no = mine, .kind = "a"}));
    EXPECT_EQ(must(count_unresolved_alerts(db(), 10)).n, 1);
}

}  // namespace
}  // namespace blotter::store
