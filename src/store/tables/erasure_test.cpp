#include "store/tables/erasure.hpp"

#include "store/tables/access.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/files.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Erasures : public TablesTest {
  protected:
    Erasures() {
        mine = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "mine"}));
        other = must(insert_workspace(db(), {.id = next_id<WorkspaceId>(), .name = "other"}));
    }
    /// A delivery that made one attempt and waits for the next.
    std::int64_t retrying() {
        NewDelivery row;
        row.event_seq = ++events;
        row.no = number(row.event_seq, 1);
        row.destination_no = 1;
        row.workspace_no = mine;
        row.created_at = from_ms(1);
        AttemptResult failed;
        failed.n = 1;
        failed.started_at = from_ms(2);
        failed.detail = as_bytes("{\"answer\":\"a name\"}");
        failed.state = DeliveryState::retrying;
        failed.next_at = from_ms(100);
        return *must(record_first_attempt(db(), row, failed));
    }
    DeliveryRow row(std::int64_t no) { return *must(load_delivery(db(), no)); }
    std::int64_t mine = 0;
    std::int64_t other = 0;
    std::int64_t events = 0;
};

TEST_F(Erasures, happen_once_and_are_found_in_their_workspace) {
    const std::string subject = next_id<EnvelopeId>().text();
    must(insert_erasure(db(), {subject, mine, from_ms(5), "{\"events\":3}"}));
    EXPECT_EQ(insert_erasure(db(), {subject, mine, from_ms(6), "{}"}).error().code, Errc::conflict);
    EXPECT_FALSE(must(find_erasure(db(), other, subject)));
    const auto found = must(find_erasure(db(), mine, subject));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->at, from_ms(5));
    EXPECT_EQ(found->summary, "{\"events\":3}");
}

TEST_F(Erasures, know_which_files_something_else_names) {
    const Uuid one = next_id<EnvelopeId>().value;
    const Uuid two = next_id<EnvelopeId>().value;
    const FileId shared = next_id<FileId>();
    const FileId own = next_id<FileId>();
    for (const FileId& file : {shared, own, own}) must(use_file(db(), file, one));
    must(use_file(db(), shared, two));
    const auto uses = must(list_file_uses(db(), one));
    ASSERT_EQ(uses.size(), 2U);
    for (const FileUse& use : uses) EXPECT_EQ(use.shared, use.file == shared);
    must(delete_file_use(db(), one, shared));
    EXPECT_FALSE(must(list_file_uses(db(), two)).front().shared);
    EXPECT_EQ(must(list_file_uses(db(), one)).size(), 1U);
}

TEST_F(Erasures, keep_on_record_which_bytes_are_still_to_go) {
    must(doom_blob(db(), sha256("a")));
    must(doom_blob(db(), sha256("a")));
    must(doom_blob(db(), sha256("b")));
    EXPECT_EQ(must(list_doomed_blobs(db(), 10)).size(), 2U);
    must(forget_doomed_blob(db(), sha256("a")));
    EXPECT_EQ(must(list_doomed_blobs(db(), 10)), std::vector{sha256("b")});
}

TEST_F(Erasures, empty_the_answers_about_a_subject_and_leave_their_keys_used) {
    const Uuid subject = next_id<EnvelopeId>().value;
    const IdempotencyKey about{mine, sha256("about")};
    const IdempotencyKey else_where{mine, sha256("elsewhere")};
    for (const IdempotencyKey& key : {about, else_where})
        must(claim_idempotency(db(), key, sha256("request"), from_ms(1)));
    const Bytes body = bytes_of("sealed answer");
    must(finish_idempotency(db(), about, {201, "", body, subject}));
    must(finish_idempotency(db(), else_where, {201, "", body}));
    must(erase_idempotent_answers(db(), subject));
    const auto erased = must(claim_idempotency(db(), about, sha256("request"), from_ms(2)));
    ASSERT_TRUE(erased);
    EXPECT_EQ(erased->status, 410);
    EXPECT_TRUE(erased->body.empty());
    EXPECT_EQ(must(claim_idempotency(db(), else_where, {}, from_ms(2)))->body, body);
}

TEST_F(Erasures, empty_quarantined_payloads_of_a_subject) {
    const Uuid subject = next_id<EventId>().value;
    QuarantineRow row{.id = next_id<QuarantineId>(),
                      .workspace_no = mine,
                      .received_at = from_ms(1),
                      .reason = "r",
                      .payload = bytes_of("sealed")};
    const std::int64_t no = must(insert_quarantine(db(), row));
    must(erase_quarantined(db(), subject));
    EXPECT_FALSE(must(find_quarantine(db(), mine, row.id))->payload.empty());
    EXPECT_TRUE(must(list_quarantined_of(db(), subject)).empty());
    must(set_quarantine_subject(db(), no, subject));
    EXPECT_EQ(must(list_quarantined_of(db(), subject)), std::vector{row.id});
    must(erase_quarantined(db(), subject));
    EXPECT_TRUE(must(find_quarantine(db(), mine, row.id))->payload.empty());
    EXPECT_EQ(must(find_quarantine(db(), mine, row.id))->reason, "");
}

TEST_F(Erasures, take_what_receivers_answered_out_of_attempts) {
    const std::int64_t no = retrying();
    AttemptRow attempt = must(list_attempts(db(), no)).front();
    attempt.detail = bytes_of("{}");
    must(replace_attempt_detail(db(), no, attempt));
    const auto now = must(list_attempts(db(), no));
    ASSERT_EQ(now.size(), 1U);
    EXPECT_EQ(now.front().detail, bytes_of("{}"));
    EXPECT_EQ(now.front().started_at, from_ms(2));
}

TEST_F(Erasures, an_attempt_that_was_under_way_is_on_record_and_counts_when_it_was_accepted) {
    for (const DeliveryState end : {DeliveryState::delivered, DeliveryState::cancelled}) {
        const std::int64_t no = retrying();
        AttemptResult late;
        late.n = 2;
        late.started_at = from_ms(100);
        late.detail = as_bytes("{}");
        late.state = end;
        late.reference = "FAC-1";
        EXPECT_EQ(must(record_late_attempt(db(), no, late)), Applied::no) << "it still waits";
        must(change_delivery(db(), {.no = no,
                                    .from = DeliveryState::retrying,
                                    .to = DeliveryState::cancelled,
                                    .reason = "erased"}));
        EXPECT_EQ(must(record_attempt(db(), no, late)), Applied::no);
        EXPECT_EQ(must(record_late_attempt(db(), no, late)), Applied::yes);
        EXPECT_EQ(row(no).state, end);
        EXPECT_EQ(row(no).attempts, 2U);
        EXPECT_EQ(must(list_attempts(db(), no)).size(), 2U);
        EXPECT_EQ(must(record_late_attempt(db(), no, late)), Applied::no) << "once";
    }
}

TEST_F(Erasures, a_wait_behind_a_circuit_is_noted_once_per_attempt_and_moves_the_time) {
    const std::int64_t no = retrying();
    CircuitWait wait{no, from_ms(150), from_ms(210), 72, "circuit_open"};
    EXPECT_EQ(must(record_wait(db(), wait)), from_ms(210));
    EXPECT_EQ(row(no).reason, "circuit_open");
    EXPECT_EQ(row(no).next_at, from_ms(210));
    EXPECT_EQ(row(no).state, DeliveryState::retrying);
    wait.until = from_ms(270);
    EXPECT_EQ(must(record_wait(db(), wait)), from_ms(270));
    wait.until = from_ms(200);
    EXPECT_EQ(must(record_wait(db(), wait)), from_ms(270)) << "never earlier";
    const auto attempts = must(list_attempts(db(), no));
    ASSERT_EQ(attempts.size(), 2U);
    EXPECT_TRUE(attempts[1].skip);
    EXPECT_EQ(attempts[1].outcome, 72);
    AttemptResult done;
    done.n = 2;
    done.started_at = from_ms(280);
    done.detail = as_bytes("{}");
    done.state = DeliveryState::delivered;
    EXPECT_EQ(must(record_attempt(db(), no, done)), Applied::yes) << "it consumed no attempt";
    EXPECT_EQ(row(no).reason, "");
    EXPECT_FALSE(must(record_wait(db(), wait))) << "it waits no more";
}

}  // namespace
}  // namespace blotter::store
