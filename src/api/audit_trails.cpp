#include "api/audit_trails.hpp"

#include <fmt/format.h>

#include "api/envelope_store.hpp"
#include "envelopes/audit_trail.hpp"
#include "store/tables/logs.hpp"

namespace blotter::api {
namespace {

/// Everything that the trail is written from.
struct Sources {
    SealedEnvelopes envelope;
    std::vector<SealedFile> files;
    std::string origin;
    std::string checkpoint;
};

Result<Sources> load_sources(sql::Connection& db, std::int64_t workspace_no, const EnvelopeId& id,
                             const std::vector<Attachment>& attachments) {
    Sources out;
    TRY(out.envelope, load_sealed_envelope(db, workspace_no, id));
    for (const Attachment& attachment : attachments) {
        TRY(auto file, load_sealed_file(db, workspace_no, attachment.file));
        out.files.push_back(std::move(file));
    }
    TRY(const auto log, store::find_open_log(db, workspace_no));
    if (!log) return out;
    out.origin = log->origin;
    TRY(auto checkpoint, store::last_checkpoint(db, log->no));
    if (checkpoint) out.checkpoint = std::move(checkpoint->note);
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

    WrittenTrail out;
    out.version = (*envelope)->version;
    out.file.id = services.entropy.id<FileId>(call.now);
    out.file.name = fmt::format("audit-trail-{}.pdf", id.text());
    out.file.media_type = "application/pdf";
    const auto* workspace = call.directory->workspace(call.workspace_no);
    envelopes::AuditTrailContext context{call.now, workspace->name, sources->origin,
                                         sources->checkpoint, services.version};
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
