#include "documents/machine.hpp"

#include <gtest/gtest.h>

#include "documents/payload.hpp"

namespace blotter::documents {
namespace {

constexpr Timestamp now = from_ms(1'000'000);
constexpr Timestamp later = from_ms(2'000'000);

Document in_state(DocumentState state) {
    Document out = example_document();
    out.no = 5;
    out.entity_no = 7;
    out.state = state;
    if (state == DocumentState::draft) out.validated_at.reset();
    if (state == DocumentState::sending) {
        out.started_at = now;
        out.sending.attempts = out.sending.round_attempts = 1;
        out.sending.round_started = now;
    }
    if (state == DocumentState::sent) out.sent_at = now;
    return out;
}

Settle outcome(Outcome what) {
    Settle out;
    out.attempt = 1;
    out.outcome = what;
    if (what != Outcome::sent) out.error = SendError{"http_error", "HTTP 500", 500, now};
    return out;
}

std::string types_of(const Transition& step) {
    std::string out;
    for (const EventDraft& event : step.events)
        out += (out.empty() ? "" : " ") + std::string{to_text(event.type)};
    return out;
}

struct Case {
    const char* what;
    DocumentState from;
    Command command;
    const char* expected;  ///< the state after and the events; or "refused"; or "same"
};

TEST(Machine, does_for_each_state_and_command_what_the_table_says) {
    const Validate validate{example_document().content};
    const Dispatch send{Cause::person, {}};
    const Dispatch force{Cause::forced, {}};
    Edit edit{example_document().content};
    edit.content.number = "other";
    using S = DocumentState;
    const Case cases[] = {
        {"a draft is edited", S::draft, edit, "draft"},
        {"a draft is validated", S::draft, validate, "validated document.validated"},
        {"a draft is not sent", S::draft, send, "refused"},
        {"a draft is a draft already", S::draft, Reopen{}, "same"},
        {"a draft has no attempt to end", S::draft, outcome(Outcome::sent), "same"},
        {"a validated one is not edited", S::validated, edit, "refused"},
        {"validating twice changes nothing", S::validated, validate, "same"},
        {"a validated one is opened again", S::validated, Reopen{}, "draft"},
        {"a validated one is sent", S::validated, send, "sending document.dispatched"},
        {"force adds nothing to a first send", S::validated, force, "sending document.dispatched"},
        {"nothing is due", S::validated, Dispatch{Cause::retry, {}}, "same"},
        {"nothing is lost", S::validated, Lost{}, "same"},
        {"one under way is not sent", S::sending, send, "refused"},
        {"one under way is not forced", S::sending, force, "refused"},
        {"one under way is not edited", S::sending, edit, "refused"},
        {"one under way is not opened", S::sending, Reopen{}, "refused"},
        {"a 2xx", S::sending, outcome(Outcome::sent), "sent document.posted"},
        {"a refusal", S::sending, outcome(Outcome::failed), "validated document.post_failed"},
        {"silence", S::sending, outcome(Outcome::unknown), "unknown document.post_failed"},
        {"a crash", S::sending, Lost{}, "unknown document.post_failed"},
        {"an unknown one is sent again", S::unknown, send, "sending document.dispatched"},
        {"an unknown one may be posted: no edit", S::unknown, edit, "refused"},
        {"an unknown one may be posted: no draft", S::unknown, Reopen{}, "refused"},
        {"an unknown one is validated", S::unknown, validate, "refused"},
        {"an outcome that comes late", S::unknown, outcome(Outcome::sent), "same"},
        {"a sent one is not sent", S::sent, send, "same"},
        {"a sent one is forced", S::sent, force, "sending document.dispatched"},
        {"a sent one is not edited", S::sent, edit, "refused"},
        {"a sent one is not opened", S::sent, Reopen{}, "refused"},
        {"a sent one is not validated", S::sent, validate, "refused"},
    };
    for (const Case& item : cases) {
        const Document before = in_state(item.from);
        const auto step = apply(before, item.command, later);
        if (std::string_view{item.expected} == "refused") {
            ASSERT_FALSE(step) << item.what;
            EXPECT_EQ(step.error().code, Errc::conflict) << item.what;
            EXPECT_FALSE(step.error().detail.empty()) << item.what;
            continue;
        }
        ASSERT_TRUE(step) << item.what << ": " << step.error().detail;
        if (std::string_view{item.expected} == "same") {
            EXPECT_EQ(step->next, before) << item.what;
            EXPECT_FALSE(step->changed) << item.what;
            EXPECT_TRUE(step->events.empty()) << item.what;
            continue;
        }
        const std::string events = types_of(*step);
        EXPECT_EQ(std::string{to_text(step->next.state)} + (events.empty() ? "" : " ") + events,
                  item.expected)
            << item.what;
        EXPECT_EQ(step->next.version, before.version + 1) << item.what;
        EXPECT_EQ(step->next.updated_at, later) << item.what;
        EXPECT_EQ(request_id_of(step->next), request_id_of(before)) << item.what;
        for (const EventDraft& event : step->events) {
            EXPECT_EQ(event.entity_nos, std::vector<std::int64_t>{7}) << item.what;
            EXPECT_EQ(event.document, before.id) << item.what;
            EXPECT_EQ(event.document_no, before.no) << item.what;
        }
    }
}

TEST(Machine, says_that_a_document_was_sent_before) {
    const auto step = apply(in_state(DocumentState::sent), Dispatch{}, later);
    ASSERT_TRUE(step);
    EXPECT_TRUE(step->already_sent);
}

TEST(Machine, keeps_the_reference_of_a_success_and_drops_the_error) {
    Document before = in_state(DocumentState::sending);
    before.sending.error = SendError{"http_error", "HTTP 500", 500, now};
    Settle sent = outcome(Outcome::sent);
    sent.reference = "INV-1";
    const auto step = apply(before, sent, later);
    EXPECT_EQ(step->next.sending.reference, "INV-1");
    EXPECT_EQ(step->next.sent_at, later);
    EXPECT_FALSE(step->next.sending.error);
    EXPECT_FALSE(step->next.started_at);
}

TEST(Machine, keeps_what_was_posted_as_sent_when_a_forced_send_fails) {
    for (const Outcome what : {Outcome::failed, Outcome::unknown}) {
        Document before = in_state(DocumentState::sent);
        before.sending.reference = "INV-1";
        auto sending = apply(before, Dispatch{Cause::forced, {}}, later);
        ASSERT_TRUE(sending);
        Settle settle = outcome(what);
        settle.retry_at = later;
        const auto step = apply(sending->next, settle, later);
        EXPECT_EQ(step->next.state, DocumentState::sent);
        EXPECT_EQ(step->next.sending.reference, "INV-1");
        EXPECT_EQ(step->next.sent_at, now);
        EXPECT_TRUE(step->next.sending.error);
        EXPECT_FALSE(step->next.due_at) << "it is posted: nothing is sent by itself";
    }
}

TEST(Machine, counts_only_the_attempt_under_way) {
    Document before = in_state(DocumentState::sending);
    before.sending.attempts = 2;
    const auto step = apply(before, outcome(Outcome::sent), later);
    EXPECT_FALSE(step->changed);
    EXPECT_EQ(step->next.state, DocumentState::sending);
}

TEST(Machine, sends_by_itself_when_the_time_has_come_and_counts_from_the_persons_send) {
    auto step = apply(in_state(DocumentState::validated), Dispatch{Cause::person, {}}, now);
    Settle failed = outcome(Outcome::failed);
    failed.retry_at = later;
    step = apply(step->next, failed, now);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->next.due_at, later);
    EXPECT_FALSE(apply(step->next, Dispatch{Cause::retry, {}}, now)->changed) << "too early";
    const auto again = apply(step->next, Dispatch{Cause::retry, {.scope = 7}}, later);
    EXPECT_EQ(again->next.state, DocumentState::sending);
    EXPECT_EQ(again->next.sending.attempts, 2U);
    EXPECT_EQ(again->next.sending.round_attempts, 2U);
    EXPECT_EQ(again->next.sending.round_started, now);
    EXPECT_EQ(again->next.sending.scope, 7);
    EXPECT_FALSE(again->next.due_at);
    const auto asked = apply(step->next, Dispatch{Cause::person, {}}, later);
    EXPECT_EQ(asked->next.sending.round_attempts, 1U);
    EXPECT_EQ(asked->next.sending.round_started, later);
}

TEST(Machine, tells_a_person_when_nobody_waits_for_the_answer) {
    Settle failed = outcome(Outcome::failed);
    EXPECT_FALSE(apply(in_state(DocumentState::sending), failed, later)->alert);
    failed.given_up = true;
    EXPECT_TRUE(apply(in_state(DocumentState::sending), failed, later)->alert);
    EXPECT_TRUE(apply(in_state(DocumentState::sending), Lost{}, later)->alert);
    Document due = in_state(DocumentState::unknown);
    due.due_at = now;
    const auto step = apply(due, Undeliverable{{"conflict", "no webhook", {}, later}}, later);
    EXPECT_TRUE(step->alert);
    EXPECT_EQ(step->next.state, DocumentState::unknown);
    EXPECT_FALSE(step->next.due_at);
    EXPECT_EQ(step->next.sending.error->message, "no webhook");
}

TEST(Machine, raises_the_revision_when_a_validated_document_is_opened) {
    const auto step = apply(in_state(DocumentState::validated), Reopen{}, later);
    EXPECT_EQ(step->next.revision, 2U);
    EXPECT_FALSE(step->next.validated_at);
}

TEST(Machine, validates_only_what_is_complete_and_adds_up) {
    const struct {
        const char* pointer;
        void (*spoil)(Content&);
    } cases[] = {
        {"/lines", [](Content& c) { c.lines.clear(); }},
        {"/number", [](Content& c) { c.number.clear(); }},
        {"/issue_date", [](Content& c) { c.issue_date.clear(); }},
        {"/gross_total", [](Content& c) { c.totals.gross = Decimal{1}; }},
    };
    for (const auto& item : cases) {
        Validate command{example_document().content};
        item.spoil(command.content);
        const auto step = apply(in_state(DocumentState::draft), command, later);
        ASSERT_FALSE(step) << item.pointer;
        EXPECT_EQ(step.error().code, Errc::invalid_argument);
        EXPECT_EQ(step.error().pointer, item.pointer);
    }
}

}  // namespace
}  // namespace blotter::documents
