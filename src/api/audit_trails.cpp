#include "api/audit_trails.hpp"

#include <fmt/format.h>

#include "api/checkpoint_wait.hpp"
#include "api/envelope_store.hpp"
#include "envelopes/audit_trail.hpp"
#include "store/tables/events.hpp"
#include "store/tables/logs.hpp"

namespace blotter::api {
namespace {

/// Of the workspace's ledger: the smallest checkpoint over the newest event of an envelope or,
/// while that is not signed yet, the latest there is.
struct Evidence {
    std::string origin;
    std::string note;
    bool covers_all = false;
};

Result<Evidence> load_evidence(sql::Connection& db, std::int64_t workspace_no,
                               std::int64_t envelope_no) {
    Evidence out;
    TRY(const auto log, store::find_open_log(db, workspace_no));
    if (!log) return out;
    out.origin = log->origin;
    store::EventFilter own;
    own.workspace_no = workspace_no;
    own.envelope_no = envelope_no;
    TRY(const auto newest, store::list_events(db, own, {.limit = 1}, store::Payload::skip));
    if (!newest.rows.empty() && newest.rows.front().log_no == log->no) {
        const std::int64_t size = newest.rows.front().leaf + 1;
        TRY(auto covering, store::checkpoint_covering(db, log->no, size));
        out.covers_all = covering.has_value();
        if (covering) out.note = std::move(covering->note);
    }
    if (out.covers_all) return out;
    TRY(auto latest, store::last_checkpoint(db, log->no));
    if (latest) out.note = std::move(latest->note);
    return out;
}

/// Waits for the checkpoint that is due any moment: a trail is to prove what it tells.
runtime::Task<Result<Evidence>> find_evidence(Services& services, std::int64_t workspace_no,
                                              std::int64_t envelope_no) {
    co_return co_await read_covered(
        services,
        [workspace_no, envelope_no](sql::Connection& db) {
            return load_evidence(db, workspace_no, envelope_no);
        },
        [](const Result<Evidence>& found) { return !found || found->covers_all; });
}

/// Everything else that the trail is written from.
struct Sources {
    SealedEnvelopes envelope;
    std::vector<SealedFile> files;
};

Result<Sources> load_sources(sql::Connection& db, std::int64_t workspace_no, const EnvelopeId& id,
                             const std::vector<Attachment>& attachments) {
    Sources out;
    TRY(out.envelope, load_sealed_envelope(db, workspace_no, id));
    for (const Attachment& attachment : attachments) {
        TRY(auto file, load_sealed_file(db, workspace_no, attachment.file));
        out.files.push_back(std::move(file));
    }
    return out;
}

/// The envelope as it would be with the files attached, if only an audit trail were missing then.
Result<std::optional<Envelope>> foresee(Services& services, const Call& call,
                                        const Sources& sources,
                                        const std::vector<Attachment>& attachments) {
    TRY(const Envelope before,
        open_envelope(services.keys, call.workspace, sources.envelope.rows.front(),
                      sources.envelope.workspace_keys));
    envelopes::Command command;
    command.action = envelopes::Action::attached;
    command.occurred_at = call.now;
    for (std::size_t i = 0; i < attachments.size(); ++i) {
        TRY(std::string name, open_file_name(services.keys, call.workspace, sources.files[i]));
        command.files.push_back(envelope_file(sources.files[i].row, std::move(name)));
        command.files.back().kind = attachments[i].kind;
    }
    TRY(envelopes::Transition step, envelopes::apply(before, command, call.now));
    if (!step.audit_trail_missing) return std::nullopt;
    step.next.version = before.version;
    return std::move(step.next);
}

bool is_for_the_caller(Errc code) {
    return code == Errc::not_found || code == Errc::conflict || code == Errc::invalid_argument ||
           code == Errc::gone;
}

}  // namespace

runtime::Task<Result<std::optional<WrittenTrail>>> write_missing_trail(
    Services& services, Call& call, EnvelopeId id, std::vector<Attachment> attachments) {
    const auto sources = co_await store::read(
        services.loop, services.reader,
        [id, attachments, workspace_no = call.workspace_no](sql::Connection& db) {
            return load_sources(db, workspace_no, id, attachments);
        });
    if (!sources && is_for_the_caller(sources.error().code)) co_return std::nullopt;
    if (!sources) co_return pass(sources.error());
    auto envelope = foresee(services, call, *sources, attachments);
    if (!envelope && is_for_the_caller(envelope.error().code)) co_return std::nullopt;
    if (!envelope) co_return pass(std::move(envelope).error());
    if (!*envelope) co_return std::nullopt;

    CO_TRY(Evidence evidence, co_await find_evidence(services, call.workspace_no,
                                                     sources->envelope.rows.front().row.no));
    WrittenTrail out;
    out.version = (*envelope)->version;
    out.file.id = services.entropy.id<FileId>(call.now);
    out.file.name = fmt::format("audit-trail-{}.pdf", id.text());
    out.file.media_type = "application/pdf";
    const auto* workspace = call.directory->workspace(call.workspace_no);
    envelopes::AuditTrailContext context{call.now, workspace->name, std::move(evidence.origin),
                                         std::move(evidence.note), services.version};
    if (!evidence.covers_all) context.coverage = envelopes::Coverage::part;
    CO_TRY(out.file.stored, co_await runtime::offload(
                                services.loop, services.offload,
                                [envelope = **std::move(envelope), context = std::move(context),
                                 &blobs = services.blobs,
                                 seed = services.entropy.next()]() -> Result<store::Blobs::Stored> {
                                    TRY(const std::string pdf,
                                        envelopes::write_audit_trail(envelope, context));
                                    // Names the temporary file, nothing else.
                                    runtime::SeededEntropy names{seed};
                                    return blobs.put(pdf, names);
                                }));
    co_return out;
}

}  // namespace blotter::api
