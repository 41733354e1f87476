#include "store/tables/documents.hpp"

#include "store/tables/events.hpp"
#include "store/tables/files.hpp"
#include "store/tables/keys.hpp"
#include "store/tables/tables_fixture.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::store {
namespace {

class Documents : public TablesTest {
  protected:
    /// Documents have foreign keys: two workspaces with two entities each.
    void SetUp() override {
        TablesTest::SetUp();
        for (int w = 0; w < 2; ++w) {
            WorkspaceRow workspace;
            workspace.id = next_id<WorkspaceId>();
            workspace.name = "w";
            const auto workspace_no = must(insert_workspace(db(), workspace));
            for (const char* reference : {"a", "b"}) {
                EntityRow entity;
                entity.id = next_id<EntityId>();
                entity.workspace_no = workspace_no;
                entity.reference = reference;
                must(insert_entity(db(), entity));
            }
        }
    }
    DocumentRow document(DocumentRow row = {}) {
        row.id = next_id<DocumentId>();
        if (row.workspace_no == 0) row.workspace_no = 1;
        if (row.entity_no == 0) row.entity_no = 1;
        row.document = bytes_of("sealed");
        row.no = must(insert_document(db(), row));
        return row;
    }
    void event_of(const DocumentRow& row) {
        must(insert_event(db(),
                          {.id = next_id<EventId>(), .workspace_no = 1, .document_no = row.no}));
    }
    /// In that state, as far as the columns that an insert does not write are concerned.
    DocumentRow changed(DocumentRow row) {
        EXPECT_EQ(must(update_document(db(), row)), Applied::yes);
        return row;
    }
};

TEST_F(Documents, are_reached_through_their_workspace_or_by_whoever_proves_a_right_to_them) {
    DocumentRow row = document({.supplier = "F-1", .created_at = from_ms(5)});
    row.state = DocumentState::sending;
    row.started_at = from_ms(7);
    row.process = 99;
    changed(row);
    const auto stored = must(find_document(db(), 1, row.id));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->state, DocumentState::sending);
    EXPECT_EQ(stored->supplier, "F-1");
    EXPECT_EQ(stored->started_at, from_ms(7));
    EXPECT_EQ(stored->process, 99);
    EXPECT_EQ(stored->version, 2);
    EXPECT_FALSE(stored->due_at);
    EXPECT_FALSE(must(find_document(db(), 2, row.id)));
    EXPECT_EQ(must(find_document_anywhere(db(), row.id))->no, row.no);
}

TEST_F(Documents, an_update_needs_the_version_that_was_read) {
    DocumentRow row = document();
    row.state = DocumentState::validated;
    EXPECT_EQ(must(update_document(db(), row)), Applied::yes);
    EXPECT_EQ(must(update_document(db(), row)), Applied::no);
}

TEST_F(Documents, only_drafts_that_no_event_speaks_of_are_deleted_and_their_keys_with_them) {
    const DocumentRow draft = document();
    const DocumentRow spoken_of = document();
    event_of(spoken_of);
    DocumentRow other = document();
    other.state = DocumentState::unknown;
    changed(other);
    for (const DocumentRow& row : {draft, spoken_of, other})
        must(insert_subject_key(db(), {.subject = row.id.value, .workspace_no = 1}));
    EXPECT_EQ(must(delete_document(db(), draft.no, draft.id)), Applied::yes);
    EXPECT_FALSE(must(find_subject_key(db(), 1, draft.id.value)));
    for (const DocumentRow& row : {spoken_of, other}) {
        EXPECT_EQ(must(delete_document(db(), row.no, row.id)), Applied::no);
        EXPECT_TRUE(must(find_subject_key(db(), 1, row.id.value)));
        EXPECT_EQ(must(load_document_id(db(), row.no)), row.id);
    }
}

TEST_F(Documents, an_erased_one_keeps_its_place_and_says_nothing) {
    DocumentRow row = document({.supplier = "F-1"});
    row.due_at = from_ms(5);
    row.state = DocumentState::validated;
    changed(row);
    must(erase_document(db(), row.no, from_ms(9)));
    const auto stored = must(find_document(db(), 1, row.id));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->state, DocumentState::validated);
    EXPECT_EQ(stored->supplier, "");
    EXPECT_TRUE(stored->document.empty());
    EXPECT_EQ(stored->updated_at, from_ms(9));
    EXPECT_FALSE(stored->due_at);
    EXPECT_EQ(must(update_document(db(), row)), Applied::no);
}

TEST_F(Documents, retention_takes_sent_and_erased_ones_whose_events_are_gone) {
    const auto of_state = [&](DocumentState state, int touched) {
        DocumentRow row = document();
        row.state = state;
        row.updated_at = from_ms(touched);
        must(insert_subject_key(db(), {.subject = row.id.value, .workspace_no = 1}));
        must(insert_send(db(), {.document_no = row.no, .outcome = "sent"}));
        return changed(row);
    };
    const FileRow file{.id = next_id<FileId>(), .workspace_no = 1};
    must(insert_blob(db(), file.sha256, 1, from_ms(1)));
    must(insert_file(db(), file));
    const auto old = of_state(DocumentState::sent, 10);
    must(use_file(db(), file.id, old.id.value));
    const auto erased = of_state(DocumentState::validated, 10);
    must(erase_document(db(), erased.no, from_ms(20)));
    const auto waiting = of_state(DocumentState::validated, 10);
    const auto unclear = of_state(DocumentState::unknown, 10);
    const auto recent = of_state(DocumentState::sent, 100);
    const auto spoken_of = of_state(DocumentState::sent, 10);
    event_of(spoken_of);
    std::int64_t deleted = 0;
    std::int64_t after = 0;
    for (;;) {
        const Chunk chunk = must(delete_old_documents(
            db(), {.workspace_no = 1, .before = from_ms(100), .after = after, .limit = 2}));
        deleted += chunk.deleted;
        if (!chunk.next) break;
        after = *chunk.next;
    }
    EXPECT_EQ(deleted, 2);
    for (const auto& row : {old, erased}) {
        EXPECT_FALSE(must(find_document(db(), 1, row.id)));
        EXPECT_FALSE(must(find_subject_key(db(), 1, row.id.value)));
        EXPECT_TRUE(must(list_sends(db(), row.no, 10)).empty());
    }
    EXPECT_FALSE(must(find_file(db(), 1, file.id)));
    for (const auto& row : {waiting, unclear, recent, spoken_of}) {
        EXPECT_TRUE(must(find_document(db(), 1, row.id)));
        EXPECT_EQ(must(list_sends(db(), row.no, 10)).size(), 1U);
    }
    EXPECT_TRUE(plan_named("document.old").contains("accounting_document_by_workspace"));
}

TEST_F(Documents, lists_filter_by_state_entity_supplier_and_time) {
    const auto sent = DocumentState::sent;
    const auto a = document({.entity_no = 1, .state = sent, .created_at = from_ms(10)}).no;
    const auto b = document({.entity_no = 1, .supplier = "F-1", .created_at = from_ms(20)}).no;
    const auto c = document({.entity_no = 2, .state = sent, .created_at = from_ms(30)}).no;
    document({.workspace_no = 2, .entity_no = 3, .state = sent, .created_at = from_ms(30)});
    const struct {
        DocumentFilter filter;
        std::vector<std::int64_t> expected;
    } cases[] = {
        {{.workspace_no = 1}, {c, b, a}},
        {{.workspace_no = 1, .state = sent}, {c, a}},
        {{.workspace_no = 1, .entity_no = 1}, {b, a}},
        {{.workspace_no = 1, .state = sent, .entity_no = 1}, {a}},
        {{.workspace_no = 1, .supplier = "F-1"}, {b}},
        {{.workspace_no = 1, .created_from = from_ms(20)}, {c, b}},
        {{.workspace_no = 1, .created_before = from_ms(20)}, {a}},
        {{.workspace_no = 2, .entity_no = 1}, {}},
    };
    for (const auto& item : cases)
        expect_both_ways(db(), list_documents, item.filter, item.expected);
    EXPECT_TRUE(plan_named("document.state_newest").contains("accounting_document_by_state"));
    EXPECT_TRUE(plan_named("document.entity_newest").contains("accounting_document_by_entity"));
}

TEST_F(Documents, what_is_due_comes_earliest_first) {
    for (const int due : {30, 10, 20}) {
        DocumentRow row = document({.state = DocumentState::validated});
        row.due_at = from_ms(due);
        changed(row);
    }
    document();
    const auto seen = numbers_of(must(list_due_documents(db(), from_ms(25), 10)));
    EXPECT_EQ(seen, (std::vector<std::int64_t>{2, 3}));
    EXPECT_TRUE(plan_named("document.due").contains("accounting_document_due"));
}

TEST_F(Documents, lost_are_those_of_another_process_and_those_under_way_for_too_long) {
    const auto sending = [&](std::int64_t process, int started) {
        DocumentRow row = document();
        row.state = DocumentState::sending;
        row.process = process;
        row.started_at = from_ms(started);
        return changed(row).no;
    };
    const auto other = sending(7, 1'000);
    const auto stuck = sending(8, 10);
    sending(8, 1'000);
    document();
    const auto seen = numbers_of(must(list_lost_documents(db(), {8, from_ms(500)}, 10)));
    EXPECT_EQ(seen, (std::vector<std::int64_t>{other, stuck}));
    EXPECT_TRUE(plan_named("document.lost").contains("accounting_document_sending"));
}

TEST_F(Documents, the_next_work_is_what_is_due_or_a_send_that_takes_too_long) {
    const auto next = [this] { return must(next_document_work(db(), Duration{100})); };
    EXPECT_FALSE(next());
    DocumentRow waiting = document({.state = DocumentState::validated});
    waiting.due_at = from_ms(150);
    waiting = changed(waiting);
    EXPECT_EQ(next(), from_ms(150));
    DocumentRow under_way = document();
    under_way.state = DocumentState::sending;
    under_way.started_at = from_ms(30);
    changed(under_way);
    EXPECT_EQ(next(), from_ms(131));
    EXPECT_TRUE(plan_named("document.next_due").contains("accounting_document_due"));
    EXPECT_TRUE(plan_named("document.oldest_send").contains("accounting_document_sending"));
}

TEST_F(Documents, sends_are_listed_latest_first) {
    const DocumentRow row = document();
    for (std::uint32_t n = 1; n <= 3; ++n) {
        SendRow send;
        send.document_no = row.no;
        send.n = n;
        send.outcome = "http_error";
        if (n == 2) send.status = 503;
        send.detail = bytes_of("sealed");
        must(insert_send(db(), send));
    }
    const auto sends = must(list_sends(db(), row.no, 2));
    ASSERT_EQ(sends.size(), 2U);
    EXPECT_EQ(sends[0].n, 3U);
    EXPECT_EQ(sends[1].status, 503);
    SendRow again;
    again.document_no = row.no;
    EXPECT_FALSE(insert_send(db(), again));
}

}  // namespace
}  // namespace blotter::store
