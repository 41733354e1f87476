#include "envelopes/machine.hpp"

#include <gtest/gtest.h>

#include "envelopes/codec.hpp"
#include "envelopes/event_data.hpp"

namespace blotter::envelopes {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp start = from_ms(1'779'800'000'000);

RecipientId recipient_id(int n) {
    RecipientId id;
    id.value[15] = static_cast<std::uint8_t>(n);
    return id;
}

EnvelopeFile file_of(FileKind kind, std::string sha = "aa") {
    return {FileId{}, kind, "contract.pdf", "application/pdf", 10, std::move(sha)};
}

Envelope two_signers() {
    Envelope e;
    e.title = "Contrat fournisseur";
    e.metadata = json::parse(R"({"montant_ht":12500})").value();
    e.expires_at = start + 1h;
    e.files.push_back(file_of(FileKind::original));
    for (int n = 1; n <= 2; ++n) {
        Recipient r;
        r.id = recipient_id(n);
        r.name = "Signer " + std::to_string(n);
        r.email = "s" + std::to_string(n) + "@x.example";
        r.order = static_cast<std::uint32_t>(n);
        e.recipients.push_back(r);
    }
    return create(std::move(e), start).value().next;
}

Command command(Action action, int recipient = 0, std::string reason = "") {
    Command c;
    c.action = action;
    c.occurred_at = start;
    c.reason = std::move(reason);
    if (recipient != 0) c.recipient = recipient_id(recipient);
    return c;
}

Command attach(std::initializer_list<FileKind> kinds) {
    Command c = command(Action::attached);
    for (const FileKind kind : kinds) c.files.push_back(file_of(kind));
    return c;
}

std::string types_of(const std::vector<EventDraft>& events) {
    std::string out;
    for (const EventDraft& event : events)
        out += (out.empty() ? "" : " ") + std::string{blotter::to_text(event.type)};
    return out;
}

/// Walks an envelope through commands and says what came of each.
struct Story {
    Envelope envelope = two_signers();

    std::string tell(const Command& c, Timestamp now = start + 1min) {
        auto step = apply(envelope, c, now);
        if (!step) return std::string{blotter::to_text(step.error().code)};
        envelope = step->next;
        return types_of(step->events);
    }
};

TEST(EnvelopeMachine, goes_from_draft_to_completed) {
    Story s;
    EXPECT_EQ(s.tell(command(Action::send)), "envelope.sent");
    EXPECT_EQ(s.tell(command(Action::notified, 1)), "recipient.notified");
    EXPECT_EQ(s.tell(command(Action::viewed, 1)), "recipient.viewed");
    EXPECT_EQ(s.tell(command(Action::authenticated, 1)), "recipient.authenticated");
    EXPECT_EQ(s.tell(command(Action::signed_, 1)), "recipient.signed envelope.partially_signed");
    EXPECT_EQ(s.tell(command(Action::viewed, 2)), "recipient.viewed envelope.delivered");
    EXPECT_EQ(s.tell(command(Action::signed_, 2)), "recipient.signed envelope.all_signed");
    EXPECT_EQ(s.envelope.state, EnvelopeState::sealing);
    EXPECT_EQ(s.tell(attach({FileKind::signed_pdf})), "");
    EXPECT_EQ(s.envelope.state, EnvelopeState::sealing);
    EXPECT_EQ(s.tell(attach({FileKind::audit_trail})), "evidence.ready envelope.completed");
    EXPECT_EQ(s.envelope.state, EnvelopeState::completed);
    EXPECT_EQ(s.envelope.completed_at, start + 1min);
}

TEST(EnvelopeMachine, asks_for_an_audit_trail_when_only_that_is_missing) {
    Story s;
    s.tell(command(Action::send));
    s.tell(command(Action::signed_, 1));
    s.tell(command(Action::signed_, 2));
    auto step = apply(s.envelope, attach({FileKind::signed_pdf}), start + 1min);
    ASSERT_TRUE(step);
    EXPECT_TRUE(step->audit_trail_missing);
    step = apply(s.envelope, attach({FileKind::signed_pdf, FileKind::audit_trail}), start + 1min);
    ASSERT_TRUE(step);
    EXPECT_FALSE(step->audit_trail_missing);
}

TEST(EnvelopeMachine, the_same_report_twice_changes_nothing) {
    Story s;
    EXPECT_EQ(s.tell(command(Action::send)), "envelope.sent");
    for (const auto& [action, recipient] : {std::pair{Action::send, 0},
                                            {Action::notified, 1},
                                            {Action::viewed, 1},
                                            {Action::signed_, 1}}) {
        s.tell(command(action, recipient));
        const auto version = s.envelope.version;
        EXPECT_EQ(s.tell(command(action, recipient)), "") << to_text(action);
        EXPECT_EQ(s.envelope.version, version) << to_text(action);
    }
}

TEST(EnvelopeMachine, refuses_what_cannot_happen) {
    struct Row {
        const char* what;
        std::vector<Command> before;
        Command then;
    };
    const Command send = command(Action::send);
    const Command first = command(Action::signed_, 1);
    const Command second = command(Action::signed_, 2);
    const Row rows[] = {
        {"sign a draft", {}, first},
        {"view a draft", {}, command(Action::viewed, 1)},
        {"sign out of turn", {send}, second},
        {"approve as a signer", {send}, command(Action::approved, 1)},
        {"decline after signing", {send, first}, command(Action::declined, 1, "no")},
        {"complete before all have signed", {send, first}, attach({FileKind::signed_pdf})},
        {"resubmit what was not returned", {send}, command(Action::resubmitted)},
        {"sign what was returned", {send, command(Action::returned)}, first},
        {"expire before its time", {send}, command(Action::expired)},
        {"void after all have signed", {send, first, second}, command(Action::voided)},
        {"sign after a refusal", {send, command(Action::declined, 1, "no")}, second},
        {"send after withdrawal", {send, command(Action::voided)}, send},
        {"fail after withdrawal", {send, command(Action::voided)}, command(Action::failed)},
        {"sign as a removed recipient", {send, command(Action::removed, 1)}, first},
        {"delete what was sent", {send}, command(Action::deleted)},
        {"send what was deleted", {command(Action::deleted)}, send},
        {"void what was deleted and fail it", {command(Action::deleted)}, command(Action::failed)},
        {"remove the last signer",
         {send, command(Action::removed, 1)},
         command(Action::removed, 2)},
    };
    for (const Row& row : rows) {
        Story s;
        for (const Command& c : row.before) EXPECT_NE(s.tell(c), "conflict") << row.what;
        const Envelope before = s.envelope;
        EXPECT_EQ(s.tell(row.then), "conflict") << row.what;
        EXPECT_EQ(s.envelope, before) << row.what;
    }
    Story s;
    s.tell(send);
    EXPECT_EQ(s.tell(command(Action::viewed, 9)), "not_found");
}

TEST(EnvelopeMachine, a_terminal_state_never_changes) {
    const Action all[] = {Action::send,     Action::notified,    Action::delivery_failed,
                          Action::viewed,   Action::signed_,     Action::declined,
                          Action::reminded, Action::reassigned,  Action::removed,
                          Action::returned, Action::resubmitted, Action::voided,
                          Action::failed,   Action::expired};
    for (const Action ending :
         {Action::voided, Action::failed, Action::declined, Action::expired}) {
        Story s;
        s.tell(command(Action::send));
        s.tell(command(ending, ending == Action::declined ? 1 : 0, "because"), start + 2h);
        ASSERT_TRUE(is_terminal(s.envelope.state)) << to_text(ending);
        const Envelope before = s.envelope;
        for (const Action action : all)
            for (const int recipient : {1, 2}) {
                s.tell(command(action, recipient), start + 3h);
                EXPECT_EQ(s.envelope, before) << to_text(ending) << " then " << to_text(action);
            }
    }
}

TEST(EnvelopeMachine, a_draft_can_be_deleted_and_is_known_as_such) {
    Story s;
    EXPECT_FALSE(is_deleted(s.envelope));
    EXPECT_EQ(s.tell(command(Action::deleted)), "envelope.deleted");
    EXPECT_EQ(s.envelope.state, EnvelopeState::voided);
    EXPECT_TRUE(is_deleted(s.envelope));
    const Envelope before = s.envelope;
    EXPECT_EQ(s.tell(command(Action::deleted)), "");
    EXPECT_EQ(s.envelope, before);
    Story withdrawn;
    withdrawn.tell(command(Action::voided));
    EXPECT_FALSE(is_deleted(withdrawn.envelope));
}

TEST(EnvelopeMachine, the_same_files_handed_in_again_after_completion_change_nothing) {
    Story s;
    s.tell(command(Action::send));
    s.tell(command(Action::signed_, 1));
    s.tell(command(Action::signed_, 2));
    EXPECT_EQ(s.tell(attach({FileKind::signed_pdf, FileKind::audit_trail})),
              "evidence.ready envelope.completed");
    const Envelope before = s.envelope;
    EXPECT_EQ(s.tell(attach({FileKind::signed_pdf})), "");
    EXPECT_EQ(s.envelope, before);
    EXPECT_EQ(s.tell(attach({FileKind::attachment})), "conflict");
    Command other = command(Action::attached);
    other.files.push_back(file_of(FileKind::signed_pdf, "bb"));
    EXPECT_EQ(s.tell(other), "conflict");
    EXPECT_EQ(s.envelope, before);
}

TEST(EnvelopeMachine, expires_by_time_and_names_who_is_missing) {
    Story s;
    s.tell(command(Action::send));
    s.tell(command(Action::signed_, 1));
    auto step = apply(s.envelope, command(Action::expired), start + 2h);
    ASSERT_TRUE(step);
    ASSERT_EQ(types_of(step->events), "recipient.expired envelope.expired");
    for (const EventDraft& event : step->events) EXPECT_EQ(event.occurred_at, start + 1h);
    const json::Value& one = step->events[0].data;
    EXPECT_EQ(*one.at_pointer("/recipient/name")->as_string(), "Signer 2");
    EXPECT_EQ(*one.at_pointer("/recipient/status")->as_string(), "expired");
    const json::Value& data = step->events[1].data;
    ASSERT_EQ(data.find("missing_recipients")->as_array()->size(), 1U);
    EXPECT_EQ(*data.at_pointer("/missing_recipients/0/name")->as_string(), "Signer 2");
}

TEST(EnvelopeMachine, sending_needs_a_file_a_signer_and_time) {
    Envelope no_file = two_signers();
    no_file.files.clear();
    EXPECT_FALSE(apply(no_file, command(Action::send), start));
    Envelope no_signer = two_signers();
    for (Recipient& r : no_signer.recipients) r.role = RecipientRole::copy;
    EXPECT_FALSE(apply(no_signer, command(Action::send), start));
    EXPECT_FALSE(apply(two_signers(), command(Action::send), start + 2h));
}

TEST(EnvelopeMachine, equal_orders_sign_in_any_order) {
    Story s;
    s.envelope.recipients[1].order = 1;
    s.tell(command(Action::send));
    EXPECT_EQ(s.tell(command(Action::signed_, 2)), "recipient.signed envelope.partially_signed");
    EXPECT_EQ(s.tell(command(Action::signed_, 1)), "recipient.signed envelope.all_signed");
}

TEST(EnvelopeMachine, a_declined_envelope_says_who_and_why) {
    Story s;
    s.tell(command(Action::send));
    auto step = apply(s.envelope, command(Action::declined, 1, "wrong amount"), start + 1min);
    ASSERT_TRUE(step);
    ASSERT_EQ(types_of(step->events), "recipient.declined envelope.declined");
    EXPECT_EQ(*step->events[1].data.find("reason")->as_string(), "wrong amount");
    EXPECT_EQ(*step->events[1].data.at_pointer("/recipient/name")->as_string(), "Signer 1");
}

TEST(EnvelopeMachine, events_carry_no_ip_address) {
    Story s;
    s.tell(command(Action::send));
    Command sign = command(Action::signed_, 1);
    sign.presence = {"203.0.113.9", "agent", "email_otp"};
    auto step = apply(s.envelope, sign, start + 1min);
    ASSERT_TRUE(step);
    EXPECT_FALSE(json::to_text(step->events[0].data).contains("203.0.113.9"));
    EXPECT_EQ(step->next.recipients[0].presence.ip, "203.0.113.9");
}

TEST(EnvelopeMachine, a_time_in_the_future_is_brought_back_to_now) {
    Story s;
    Command send = command(Action::send);
    send.occurred_at = start + 30min;
    s.tell(send, start + 1min);
    EXPECT_EQ(s.envelope.sent_at, start + 1min);
}

TEST(EnvelopeCodec, the_stored_document_goes_both_ways) {
    Story s;
    s.tell(command(Action::send));
    s.tell(command(Action::viewed, 1));
    s.tell(command(Action::declined, 1, "no"));
    Envelope read = s.envelope;
    read.recipients.clear();
    read.files.clear();
    read.notes.clear();
    read.metadata = json::Value{};
    read.title.clear();
    ASSERT_TRUE(from_document(json::parse(json::to_text(to_document(s.envelope))).value(), read));
    EXPECT_EQ(read, s.envelope);
    EXPECT_EQ(from_document(json::parse(R"({"v":2})").value(), read).error().code, Errc::corrupt);
}

TEST(EnvelopeCodec, a_request_is_checked_with_the_place_of_what_is_wrong) {
    const auto pointer_of = [](std::string text) {
        const auto read = parse_request(json::parse(text).value(), 64);
        return read ? std::string{"accepted"} : read.error().pointer;
    };
    EXPECT_EQ(pointer_of(R"({"title":"T","recipients":[{"name":"A","email":"a@x.example"}]})"),
              "accepted");
    EXPECT_EQ(pointer_of(R"({})"), "/title");
    EXPECT_EQ(pointer_of(R"({"title":"T","level":"best"})"), "/level");
    EXPECT_EQ(pointer_of(R"({"title":"T","metadata":[]})"), "/metadata");
    EXPECT_EQ(pointer_of(R"({"title":"T","metadata":{"a":")" + std::string(70, 'x') + R"("}})"),
              "/metadata");
    EXPECT_EQ(pointer_of(R"({"title":"T","recipients":[{"name":"A","email":"a"}]})"),
              "/recipients/0/email");
    EXPECT_EQ(pointer_of(R"({"title":"T","files":[{"file_id":"f","kind":"signed_pdf"}]})"),
              "/files/0/kind");
    EXPECT_EQ(pointer_of(R"({"title":"T","signers":[]})"), "/signers");
}

}  // namespace
}  // namespace blotter::envelopes
