#include "api/slack/resend.hpp"

#include "api/envelope_store.hpp"
#include "store/tables/slack.hpp"

namespace blotter::api {
namespace {

constexpr Duration time_usual = std::chrono::days{30};

Result<Envelope> load(store::Tx& tx, WriterSide& side, const routing::WorkspaceFacts& workspace,
                      std::int64_t envelope_no) {
    TRY(auto row, store::load_envelope(tx.db(), envelope_no));
    if (!row || row->workspace_no != workspace.no)
        return fail(Errc::not_found, "the envelope is no longer kept");
    TRY(const SealedEnvelopes sealed, with_keys(tx.db(), workspace.no, *std::move(row)));
    return open_envelope(side.keys(), workspace.id, sealed.rows.front(), sealed.workspace_keys);
}

Envelope copy_of(const Envelope& before, Timestamp now) {
    Envelope out;
    out.workspace_no = before.workspace_no;
    out.entity_no = before.entity_no;
    out.external_id = before.external_id;
    out.title = before.title;
    out.level = before.level;
    out.metadata = before.metadata;
    for (const Recipient& r : before.recipients) {
        if (r.state == RecipientState::removed) continue;
        Recipient again;
        again.name = r.name;
        again.email = r.email;
        again.phone = r.phone;
        again.role = r.role;
        again.order = r.order;
        out.recipients.push_back(std::move(again));
    }
    for (const EnvelopeFile& file : before.files)
        if (file.kind == FileKind::original) out.files.push_back(file);
    const bool known = before.sent_at && before.expires_at && *before.expires_at > *before.sent_at;
    out.created_at = out.updated_at = now;
    out.expires_at = now + (known ? *before.expires_at - *before.sent_at : time_usual);
    return out;
}

}  // namespace

Result<> resend_from_slack(store::Tx& tx, WriterSide& side, const SlackMessageId& id,
                           std::string_view team) {
    TRY(const auto message, store::find_slack_message(tx.db(), id));
    if (!message || !message->envelope_no)
        return fail(Errc::not_found, "a button of a message that is no longer kept");
    TRY(const auto connection, store::load_slack_connection(tx.db(), message->key.connection_no));
    if (!connection || connection->team_id != team ||
        connection->state != store::SlackState::connected)
        return fail(Errc::forbidden, "a button of another Slack workspace");
    const auto* workspace = side.directory().get().workspace(message->workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    const Timestamp now = side.clock().wall();
    TRY(const store::Applied first, store::act_on_slack_message(tx.db(), message->no, now));
    if (first == store::Applied::no) return {};
    TRY(const Envelope before, load(tx, side, *workspace, *message->envelope_no));
    if (before.state != EnvelopeState::expired)
        return fail(Errc::conflict, "the envelope is not expired");
    TRY(const Envelope made, insert_envelope(tx, side, *workspace, copy_of(before, now)));
    envelopes::Command command;
    command.action = envelopes::Action::send;
    command.occurred_at = now;
    CHECK(change_envelope(tx, side, {workspace->no, made.id, {}}, command));
    return {};
}

}  // namespace blotter::api
