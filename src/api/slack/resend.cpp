#include "api/slack/resend.hpp"

#include "api/envelope_store.hpp"
#include "api/slack/channels.hpp"
#include "api/slack/side.hpp"
#include "connectors/slack/text.hpp"
#include "connectors/slack/wording.hpp"
#include "store/tables/slack.hpp"

namespace blotter::api {
namespace {

constexpr Duration time_usual = std::chrono::days{30};
/// Slack waits three seconds for its answer.
constexpr Duration note_time_max = std::chrono::seconds{2};

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

struct Place {
    store::SlackMessageRow message;
    store::SlackConnectionRow connection;
};

/// Where the button is; nothing when it is not kept, or not one of that Slack workspace's.
Result<std::optional<Place>> find_place(sql::Connection& db, const SlackMessageId& id,
                                        std::string_view team) {
    TRY(auto message, store::find_slack_message(db, id));
    if (!message) return std::nullopt;
    TRY(auto connection, store::load_slack_connection(db, message->key.connection_no));
    if (!connection || connection->team_id != team) return std::nullopt;
    return Place{*std::move(message), *std::move(connection)};
}

std::string words_for(const Result<store::Applied>& done, Language language) {
    const auto& phrases = connectors::slack::phrases_in(language);
    if (done)
        return std::string{*done == store::Applied::yes ? phrases.sent_again
                                                        : phrases.sent_again_before};
    const Error& error = done.error();
    const bool is_ours = http_status_of(error.code) >= 500;
    const std::string_view why = is_ours ? title_of(error.code) : error.detail;
    std::string out{phrases.not_sent_again};
    constexpr std::string_view reason = "{reason}";
    out.replace(out.find(reason), reason.size(), connectors::slack::escape(why));
    return out;
}

runtime::Task<Result<>> tell(Services& services, PressedResend pressed,
                             Result<store::Applied> done) {
    CO_TRY(const auto place,
           co_await store::read(services.loop, services.reader, [&pressed](sql::Connection& db) {
               return find_place(db, pressed.message, pressed.team);
           }));
    if (!place || pressed.user.empty()) co_return Result<>{};
    CO_TRY(OpenSlack connection,
           co_await open_slack(services, place->message.workspace_no, place->connection.id));
    const auto target = services.directory->target(place->message.destination_no);
    const Language language = target ? target->destination.slack.language : Language::english;
    json::Object note{{"channel", place->message.key.channel},
                      {"user", pressed.user},
                      {"text", words_for(done, language)}};
    const auto answer = co_await ask_slack(
        services, connection, [&api = services.slack->api, &note](const security::Secret& token) {
            return api.post_json("chat.postEphemeral", token, note, note_time_max);
        });
    if (!answer.ok) co_return fail(Errc::unavailable, answer.words);
    co_return Result<>{};
}

}  // namespace

Result<store::Applied> resend_from_slack(store::Tx& tx, WriterSide& side, const SlackMessageId& id,
                                         std::string_view team) {
    TRY(const auto place, find_place(tx.db(), id, team));
    if (!place || place->connection.state != store::SlackState::connected)
        return fail(Errc::not_found,
                    "the message of this button is no longer kept, or its Slack workspace is not "
                    "connected: send the envelope again in Blotter");
    const store::SlackMessageRow& message = place->message;
    if (!message.envelope_no)
        return fail(Errc::not_found,
                    "this message is about no envelope that is kept here: send it again where "
                    "it was made");
    const auto* workspace = side.directory().get().workspace(message.workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    const Timestamp now = side.clock().wall();
    TRY(const store::Applied first, store::act_on_slack_message(tx.db(), message.no, now));
    if (first == store::Applied::no) return first;
    TRY(const Envelope before, load(tx, side, *workspace, *message.envelope_no));
    if (before.state != EnvelopeState::expired)
        return fail(Errc::conflict, "the envelope is not expired");
    TRY(const Envelope made, insert_envelope(tx, side, *workspace, copy_of(before, now)));
    envelopes::Command command;
    command.action = envelopes::Action::send;
    command.occurred_at = now;
    CHECK(change_envelope(tx, side, {workspace->no, made.id, {}}, command));
    return first;
}

runtime::Task<> take_resend(Services& services, PressedResend pressed) {
    const auto done = co_await store::write(
        services.loop, services.writer,
        [&side = services.writer_side, id = pressed.message, team = pressed.team](store::Tx& tx) {
            return resend_from_slack(tx, side, id, team);
        });
    // Slack shows a warning for anything but 200; what went wrong is ours to know.
    if (!done) services.log.warning("slack.action_failed", {{"error", done.error()}});
    const auto told = co_await tell(services, std::move(pressed), done);
    if (!told) services.log.warning("slack.action_failed", {{"error", told.error()}});
}

}  // namespace blotter::api
