#include <array>

#include <fmt/format.h>

#include "api/audit_trails.hpp"
#include "api/envelope_store.hpp"
#include "api/event_request.hpp"
#include "api/helpers.hpp"
#include "api/routes/envelopes.hpp"
#include "base/json_reader.hpp"
#include "security/ip_address.hpp"

namespace blotter::api {
namespace {

using envelopes::Action;
using envelopes::Command;
using security::Permission;

constexpr std::size_t reason_bytes_max = 2'000;
constexpr std::size_t attachments_max = 50;
/// How often an attachment starts again because the envelope changed while its audit trail was
/// being written.
constexpr int trail_tries_max = 3;

runtime::Task<Result<Reply>> change(Services& services, Call& call, EnvelopeId id,
                                    Command command) {
    co_return co_await mutate(
        services, call,
        [place = EnvelopePlace{call.workspace_no, id, {}}, command = std::move(command)](
            store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(const Envelope envelope, change_envelope(tx, side, place, command));
            if (command.action == Action::deleted) return Reply{204, {}, {}};
            return Reply{200, view_of(envelope, side.directory().get()), {}};
        });
}

// --- What happens to the whole envelope. ---

template <Action action>
runtime::Task<Result<Reply>> act_on_envelope(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    Command command;
    command.action = action;
    json::ObjectReader in{call.body};
    command.occurred_at = read_reported_time(in, "occurred_at", call.now);
    command.reason = in.text_or("reason", reason_bytes_max, "");
    CO_CHECK(in.finish());
    co_return co_await change(services, call, id, std::move(command));
}

runtime::Task<Result<Reply>> delete_envelope(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    Command command;
    command.action = Action::deleted;
    command.occurred_at = call.now;
    co_return co_await change(services, call, id, std::move(command));
}

// --- What one recipient does. ---

Recipient read_successor(json::ObjectReader& in) {
    Recipient out;
    out.name = in.text("name", 200);
    out.email = in.text("email", 254);
    const auto at = out.email.find('@');
    if (at == 0 || at == std::string::npos || at + 1 == out.email.size())
        in.refuse("email", "'email' must be an address such as name@company.example");
    out.phone = in.text_or("phone", 32, "");
    return out;
}

Result<Command> read_report(const Call& call, Action action) {
    Command out;
    out.action = action;
    json::ObjectReader in{call.body};
    out.occurred_at = read_reported_time(in, "occurred_at", call.now);
    out.reason = in.text_or("reason", reason_bytes_max, "");
    if (action == Action::declined && out.reason.empty())
        in.refuse("reason", "'reason' must say why it was declined: receivers are told");
    out.presence.ip = in.text_or("ip", 64, "");
    out.presence.user_agent = in.text_or("user_agent", 1'024, "");
    out.presence.method = in.text_or("method", 64, "");
    if (!out.presence.ip.empty() && !security::IpAddress::parse(out.presence.ip))
        in.refuse("ip", "'ip' must be an IPv4 or IPv6 address");
    if (action == Action::reassigned) out.successor = read_successor(in);
    CHECK(in.finish());
    return out;
}

template <Action action>
runtime::Task<Result<Reply>> act_as_recipient(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    CO_TRY(const RecipientId recipient, path_id<RecipientId>(call, "recipient_id"));
    CO_TRY(Command command, read_report(call, action));
    command.recipient = recipient;
    co_return co_await change(services, call, id, std::move(command));
}

// --- Files. ---

Result<std::vector<Attachment>> read_attachments(json::ObjectReader& in) {
    std::vector<Attachment> out;
    const json::Array& files = in.array("files", attachments_max);
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string pointer = fmt::format("/files/{}", i);
        json::ObjectReader item{files[i], pointer};
        const std::string text = item.text("file_id", 64);
        const auto id = FileId::parse(text);
        if (!id) item.refuse("file_id", id.error().detail);
        const FileKind kind = item.choice_or("kind", parse_file_kind, FileKind::attachment);
        if (kind == FileKind::original)
            item.refuse("kind",
                        "\"signed_pdf\", \"audit_trail\" and \"attachment\" can be added; the "
                        "originals are those that the envelope was created with");
        CHECK(item.finish());
        out.push_back({*id, kind, pointer + "/file_id"});
    }
    if (out.empty()) in.refuse("files", "'files' must name at least one file");
    return out;
}

Result<Envelope> attach(store::Tx& tx, WriterSide& side, EnvelopePlace place,
                        const std::vector<Attachment>& attachments,
                        std::optional<WrittenTrail> trail, Command command) {
    const auto* workspace = side.directory().get().workspace(place.workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    for (const Attachment& attachment : attachments) {
        TRY(EnvelopeFile file,
            find_envelope_file(tx, side, *workspace, attachment.file, attachment.pointer));
        file.kind = attachment.kind;
        command.files.push_back(std::move(file));
    }
    if (trail) {
        place.version = trail->version;
        const std::string name = trail->file.name;
        TRY(const auto row, insert_new_file(tx, side, *workspace, std::move(trail->file)));
        command.files.push_back(envelope_file(row, name));
        command.files.back().kind = FileKind::audit_trail;
    }
    return change_envelope(tx, side, place, command);
}

/// Who is told that an envelope is completed gets a signed PDF: nothing else may be handed in as
/// one.
runtime::Task<Result<>> check_pdfs(Services& services, Call& call,
                                   std::vector<Attachment> attachments) {
    for (const Attachment& attachment : attachments) {
        if (attachment.kind != FileKind::signed_pdf && attachment.kind != FileKind::audit_trail)
            continue;
        const auto row =
            co_await store::read(services.loop, services.reader,
                                 [no = call.workspace_no, id = attachment.file](
                                     sql::Connection& db) { return store::find_file(db, no, id); });
        if (!row) co_return pass(row.error());
        if (!*row) continue;                       // whoever attaches it says so
        constexpr std::size_t head_bytes = 1'024;  // ISO 32000-1, annex H, note 13
        CO_TRY(const auto file, co_await services.blobs.open(services.loop, (*row)->sha256));
        CO_TRY(const std::string head,
               co_await services.blobs.read(services.loop, *file, 0, head_bytes));
        if ((*row)->media_type != "application/pdf" || !head.contains("%PDF-"))
            co_return fail(Errc::invalid_argument,
                           fmt::format("a file of kind \"{}\" must be a PDF; this one is {} and "
                                       "{} like one. Upload it as application/pdf",
                                       to_text(attachment.kind), (*row)->media_type,
                                       head.contains("%PDF-") ? "begins" : "does not begin"),
                           attachment.pointer);
    }
    co_return Result<>{};
}

/// A signed PDF that lacks an audit trail gets one, and both are stored in one transaction: the
/// envelope is completed, or nothing has happened and the caller asks again.
runtime::Task<Result<Reply>> attach_files(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    json::ObjectReader in{call.body};
    Command command;
    command.action = Action::attached;
    command.occurred_at = read_reported_time(in, "occurred_at", call.now);
    CO_TRY(const std::vector<Attachment> attachments, read_attachments(in));
    CO_CHECK(in.finish());
    CO_CHECK(co_await check_pdfs(services, call, attachments));
    for (int n = 1;; ++n) {
        CO_TRY(const auto trail, co_await write_missing_trail(services, call, id, attachments));
        auto reply = co_await mutate(
            services, call,
            [place = EnvelopePlace{call.workspace_no, id, {}}, attachments, trail, command](
                store::Tx& tx, WriterSide& side) -> Result<Reply> {
                TRY(const Envelope envelope, attach(tx, side, place, attachments, trail, command));
                return Reply{200, view_of(envelope, side.directory().get()), {}};
            });
        const bool changed = !reply && reply.error().code == Errc::precondition_failed;
        if (!changed || n == trail_tries_max) co_return reply;
    }
}

// --- The table. ---

struct ActionRow {
    std::string_view path;
    std::string_view operation;
    std::string_view summary;
    Handler handler;
};

constexpr std::array envelope_actions{
    ActionRow{"/v1/envelopes/{envelope_id}/send", "sendEnvelope", "Send a draft to its recipients",
              act_on_envelope<Action::send>},
    ActionRow{"/v1/envelopes/{envelope_id}/void", "voidEnvelope", "Withdraw an envelope",
              act_on_envelope<Action::voided>},
    ActionRow{"/v1/envelopes/{envelope_id}/return", "returnEnvelope",
              "Report that it went back to its sender", act_on_envelope<Action::returned>},
    ActionRow{"/v1/envelopes/{envelope_id}/resubmit", "resubmitEnvelope",
              "Send a returned envelope again", act_on_envelope<Action::resubmitted>},
    ActionRow{"/v1/envelopes/{envelope_id}/fail", "failEnvelope",
              "Report that the signing application gave it up", act_on_envelope<Action::failed>},
};

constexpr std::array recipient_actions{
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/notified", "reportNotified",
              "Report that a recipient got the invitation", act_as_recipient<Action::notified>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/delivery-failed",
              "reportDeliveryFailed", "Report that the invitation did not arrive",
              act_as_recipient<Action::delivery_failed>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/viewed", "reportViewed",
              "Report that a recipient opened the document", act_as_recipient<Action::viewed>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/authenticated",
              "reportAuthenticated", "Report that a recipient proved who they are",
              act_as_recipient<Action::authenticated>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/authentication-failed",
              "reportAuthenticationFailed", "Report that a recipient failed to prove it",
              act_as_recipient<Action::authentication_failed>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/started", "reportStarted",
              "Report that a recipient began", act_as_recipient<Action::started>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/signed", "reportSigned",
              "Report a signature", act_as_recipient<Action::signed_>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/approved", "reportApproved",
              "Report an approval", act_as_recipient<Action::approved>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/declined", "reportDeclined",
              "Report a refusal, with its reason", act_as_recipient<Action::declined>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/reminded", "reportReminded",
              "Report that a recipient was reminded", act_as_recipient<Action::reminded>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/removed", "removeRecipient",
              "Take a recipient out", act_as_recipient<Action::removed>},
    ActionRow{"/v1/envelopes/{envelope_id}/recipients/{recipient_id}/reassigned",
              "reassignRecipient", "Put somebody else in a recipient's place",
              act_as_recipient<Action::reassigned>},
};

Route route_of(const ActionRow& row, std::string_view request) {
    return {.method = http::Method::post,
            .path = row.path,
            .operation = row.operation,
            .tag = "envelopes",
            .summary = row.summary,
            .permission = Permission::envelopes_write,
            .takes = Takes::json,
            .request = request,
            .response = "#Envelope",
            .handler = row.handler};
}

}  // namespace

std::vector<Route> envelope_action_routes() {
    std::vector<Route> out;
    out.reserve(envelope_actions.size() + recipient_actions.size() + 2);
    for (const ActionRow& row : envelope_actions) out.push_back(route_of(row, "#EnvelopeAction"));
    for (const ActionRow& row : recipient_actions) {
        const bool names_successor = row.operation == "reassignRecipient";
        out.push_back(route_of(row, names_successor ? "#Reassignment" : "#RecipientReport"));
    }
    out.push_back(route_of({"/v1/envelopes/{envelope_id}/files", "attachFiles",
                            "Hand in the signed PDF, the audit trail or attachments; a missing "
                            "audit trail is written by the server",
                            attach_files},
                           "#AttachRequest"));
    out.push_back({.method = http::Method::delete_,
                   .path = "/v1/envelopes/{envelope_id}",
                   .operation = "deleteEnvelope",
                   .tag = "envelopes",
                   .summary = "Delete a draft",
                   .permission = Permission::envelopes_write,
                   .status = 204,
                   .handler = delete_envelope});
    return out;
}

std::vector<Component> envelope_action_components() {
    return {
        {"EnvelopeAction", R"({"type":"object","properties":{"reason":{"type":"string"},)"
                           R"("occurred_at":{"type":"string","format":"date-time"}}})"},
        {"RecipientReport",
         R"({"type":"object","properties":{"occurred_at":{"type":"string","format":"date-time"},)"
         R"("ip":{"type":"string"},"user_agent":{"type":"string"},)"
         R"("method":{"type":"string","description":"How the recipient was identified, for )"
         R"(example email_otp."},"reason":{"type":"string"}}})"},
        {"Reassignment",
         R"({"type":"object","required":["name","email"],"properties":{)"
         R"("name":{"type":"string","description":"Of the one who takes the place."},)"
         R"("email":{"type":"string"},"phone":{"type":"string"},)"
         R"("occurred_at":{"type":"string","format":"date-time"},"ip":{"type":"string"},)"
         R"("user_agent":{"type":"string"},"method":{"type":"string"},)"
         R"("reason":{"type":"string"}}})"},
        {"AttachRequest",
         R"({"type":"object","required":["files"],"properties":{)"
         R"("occurred_at":{"type":"string","format":"date-time"},"files":{"type":"array",)"
         R"("items":{"type":"object","required":["file_id"],"properties":{)"
         R"("file_id":{"type":"string"},"kind":{"enum":["signed_pdf","audit_trail",)"
         R"("attachment"]}}}}}})"},
    };
}

}  // namespace blotter::api
