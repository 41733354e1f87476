#include "api/event_intake.hpp"

#include <fmt/format.h>

#include "store/tables/alerts.hpp"
#include "store/tables/documents.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/files.hpp"

namespace blotter::api {
namespace {

/// A file that an event names must be there, and be the one that it says; what the event leaves out
/// is filled in, so that receivers can check what they fetch.
Result<std::optional<FileId>> settle_file(store::Tx& tx, std::int64_t workspace_no,
                                          json::Value& value, const std::string& pointer) {
    const json::Value* named = value.find("file_id");
    if (named == nullptr || named->as_string() == nullptr) return std::nullopt;
    const auto id = FileId::parse(*named->as_string());
    if (!id) return fail(Errc::invalid_argument, id.error().detail, pointer + "/file_id");
    TRY(const auto row, store::find_file(tx.db(), workspace_no, *id));
    if (!row)
        return fail(Errc::invalid_argument,
                    fmt::format("there is no file {} in this workspace; upload it first with POST "
                                "/v1/files",
                                id->text()),
                    pointer + "/file_id");
    json::Object& file = *value.as_object();
    const std::string sha256 = to_hex(row->sha256);
    if (const json::Value* said = file.find("sha256");
        said != nullptr && (said->as_string() == nullptr || *said->as_string() != sha256))
        return fail(Errc::invalid_argument,
                    "this is not the SHA-256 of the file, which is " + sha256, pointer + "/sha256");
    if (file.find("sha256") == nullptr) file.append("sha256", sha256);
    if (file.find("bytes") == nullptr) file.append("bytes", row->bytes);
    if (file.find("media_type") == nullptr) file.append("media_type", row->media_type);
    return *id;
}

/// Gives the files that the event names.
Result<std::vector<FileId>> settle_files(store::Tx& tx, std::int64_t workspace_no,
                                         json::Value& data) {
    std::vector<FileId> out;
    json::Value* files = data.as_object() == nullptr ? nullptr : data.as_object()->find("files");
    if (files == nullptr || files->as_object() == nullptr) return out;
    for (json::Member& member : *files->as_object()) {
        const std::string pointer = "/data/files/" + member.name;
        TRY(const auto one, settle_file(tx, workspace_no, member.value, pointer));
        if (one) out.push_back(*one);
        json::Array* list = member.value.as_array();
        for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
            TRY(const auto item,
                settle_file(tx, workspace_no, (*list)[i], fmt::format("{}/{}", pointer, i)));
            if (item) out.push_back(*item);
        }
    }
    return out;
}

/// A document that is kept here has its own history, which only its state machine writes.
Result<> refuse_own_document(store::Tx& tx, std::int64_t workspace_no, const PostedEvent& event) {
    if (group_of(event.draft.type) != EventGroup::document || !event.document) return {};
    TRY(const auto known, store::find_document(tx.db(), workspace_no, *event.document));
    if (!known) return {};
    return fail(Errc::conflict,
                "this document is kept here: validate and send it with POST "
                "/v1/documents/{document_id}/…, and its events follow",
                "/data/document/id");
}

/// An envelope that is kept here has its own history, which only its state machine writes; other
/// kinds of events may belong to it.
Result<> find_own_envelope(store::Tx& tx, std::int64_t workspace_no, PostedEvent& event) {
    if (!event.envelope) return {};
    TRY(const auto no, store::find_envelope_no(tx.db(), workspace_no, *event.envelope));
    if (!no) return {};
    const EventGroup group = group_of(event.draft.type);
    if (group != EventGroup::document && group != EventGroup::source)
        return fail(Errc::conflict,
                    "this envelope is kept here: report what happens to it with POST "
                    "/v1/envelopes/{envelope_id}/…, and its events follow",
                    "/data/envelope/id");
    event.draft.envelope = event.envelope;
    event.draft.envelope_no = no;
    return {};
}

/// An event that was accepted before, perhaps under rules that have changed since.
Result<std::optional<intake::Accepted>> find_accepted(store::Tx& tx, std::int64_t workspace_no,
                                                      const PostedEvent& event) {
    std::optional<store::EventRow> row;
    bool same = false;
    if (event.key) {
        const Digest hashed = intake::event_key_hash(*event.key);
        TRY(const auto known, store::find_event_key(tx.db(), {workspace_no, hashed}));
        if (known) {
            TRY(row, store::load_event(tx.db(), known->event_seq, store::Payload::skip));
            same = known->request_hash == event.hash;
        }
    }
    if (!row && event.draft.id) {
        TRY(row, store::find_event(tx.db(), workspace_no, *event.draft.id));
        same = row && row->request_hash == event.hash;
    }
    if (!row) return std::nullopt;
    if (!same)
        return fail(Errc::conflict,
                    "this id or key was used before for another event; use a new one, or send "
                    "exactly the same event again");
    return intake::Accepted{row->id, row->seq, row->accepted_at, row->plan.destination_nos.size(),
                            true};
}

struct Aside {
    QuarantineId id;
    bool repeated = false;
};
/// A client that repeats an event under its own id finds it where it was set aside.
Result<Aside> place_aside(store::Tx& tx, WriterSide& side, const routing::WorkspaceFacts& workspace,
                          const PostedEvent& event) {
    const Timestamp now = side.clock().wall();
    if (!event.draft.id) return Aside{side.entropy().id<QuarantineId>(now), false};
    const QuarantineId same{event.draft.id->value};
    TRY(const auto known, store::find_quarantine(tx.db(), workspace.no, same));
    if (!known) return Aside{same, false};
    if (known->payload.empty())
        return fail(Errc::gone, "the event of this id was erased with the person's data");
    TRY(const security::Secret text,
        side.keys().vault().open(quarantine_cell(workspace.id, same), known->payload));
    if (text.expose_text() == event.text) return Aside{same, true};
    return Aside{side.entropy().id<QuarantineId>(now), false};
}

Result<> write_aside(store::Tx& tx, WriterSide& side, const routing::WorkspaceFacts& workspace,
                     const QuarantineId& id, const PostedEvent& event) {
    const Error& suspicion = *event.suspicion;
    store::QuarantineRow row;
    row.id = id;
    row.workspace_no = workspace.no;
    row.received_at = side.clock().wall();
    row.reason = fmt::format("{}: {}", suspicion.pointer, suspicion.detail);
    TRY(row.payload,
        side.keys().vault().seal(quarantine_cell(workspace.id, id), as_bytes(event.text)));
    CHECK(store::insert_quarantine(tx.db(), row));
    const std::string_view type = to_text(event.draft.type);
    const std::string detail = json::to_text(json::Object{{"quarantine_id", id.text()},
                                                          {"event_type", type},
                                                          {"reason", suspicion.detail},
                                                          {"pointer", suspicion.pointer}});
    CHECK(store::raise_alert(tx.db(), {.id = side.entropy().id<AlertId>(row.received_at),
                                       .workspace_no = workspace.no,
                                       .kind = quarantined_alert,
                                       .subject = type,
                                       .detail = detail,
                                       .at = row.received_at}));
    return {};
}

Result<Taken> set_aside(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                        const PostedEvent& event) {
    TRY(const auto accepted, find_accepted(tx, workspace_no, event));
    if (accepted) return *accepted;
    const auto* workspace = side.directory().get().workspace(workspace_no);
    if (workspace == nullptr) return fail(Errc::not_found, "there is no such workspace");
    CHECK(side.keys().ensure(tx, workspace->id, workspace_no, side.clock().wall()));
    TRY(const Aside aside, place_aside(tx, side, *workspace, event));
    if (!aside.repeated) {
        CHECK(write_aside(tx, side, *workspace, aside.id, event));
        const bool of_metadata = event.suspicion->pointer.starts_with("/data/envelope/metadata");
        tx.after_commit(
            [&counter = side.events.quarantined[of_metadata ? QuarantineReason::metadata
                                                            : QuarantineReason::schema]] {
                counter.add();
            });
    }
    return SetAside{aside.id, *event.suspicion, aside.repeated};
}

}  // namespace

bool is_of_the_event(Errc code) {
    return code == Errc::invalid_argument || code == Errc::conflict || code == Errc::not_found ||
           code == Errc::gone;
}

security::Cell quarantine_cell(const WorkspaceId& workspace, const QuarantineId& id) {
    return {workspace, "quarantine", "payload", id.value};
}

json::Object answer_of(const Taken& taken) {
    json::Object out;
    if (const auto* aside = std::get_if<SetAside>(&taken)) {
        out.append("status", "quarantined");
        out.append("quarantine_id", aside->id.text());
        out.append("reason", aside->suspicion.detail);
        out.append("pointer", aside->suspicion.pointer);
        if (aside->repeated) out.append("repeated", true);
        return out;
    }
    const auto& accepted = std::get<intake::Accepted>(taken);
    out.append("id", accepted.id.text());
    out.append("status", "accepted");
    out.append("accepted_at", to_rfc3339(accepted.accepted_at));
    out.append("deliveries", static_cast<std::uint64_t>(accepted.deliveries));
    if (accepted.repeated) out.append("repeated", true);
    return out;
}

std::string answer_text(const intake::Accepted& accepted) {
    std::string out;
    out.reserve(160);
    out.append(R"({"id":")").append(accepted.id.short_text().view());
    out.append(R"(","status":"accepted","accepted_at":")");
    out.append(rfc3339_of(accepted.accepted_at).view()).append(R"(","deliveries":)");
    out.append(std::to_string(accepted.deliveries));
    if (accepted.repeated) out += R"(,"repeated":true)";
    return out += '}';
}

Result<intake::Accepted> accept_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                                      PostedEvent&& event) {
    TRY(const std::vector<FileId> files, settle_files(tx, workspace_no, event.draft.data));
    CHECK(refuse_own_document(tx, workspace_no, event));
    CHECK(find_own_envelope(tx, workspace_no, event));
    const std::optional<EnvelopeId> envelope = event.draft.envelope;
    TRY(const intake::Accepted accepted,
        side.intake.accept(tx, workspace_no, std::move(event.draft),
                           {std::move(event.key), event.hash, std::move(event.prepared)}));
    if (!accepted.repeated)
        for (const FileId& file : files)
            CHECK(store::use_file(tx.db(), file, envelope ? envelope->value : accepted.id.value));
    observe::Counter& counter = accepted.repeated ? side.events.repeated : side.events.accepted;
    tx.after_commit([&counter] { counter.add(); });
    return accepted;
}

Result<Taken> take_event(store::Tx& tx, WriterSide& side, std::int64_t workspace_no,
                         PostedEvent&& event) {
    if (event.suspicion) return set_aside(tx, side, workspace_no, event);
    return accept_event(tx, side, workspace_no, std::move(event));
}

}  // namespace blotter::api
