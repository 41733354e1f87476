#include "api/erasure.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "api/document_store.hpp"
#include "api/event_intake.hpp"
#include "model/envelope.hpp"
#include "store/tables/access.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/delivery_list.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/erasure.hpp"
#include "store/tables/events.hpp"
#include "store/tables/files.hpp"

namespace blotter::api {
namespace {

constexpr std::size_t page_rows = 500;

/// Whose data goes, and what went.
struct Subject {
    std::int64_t workspace_no = 0;
    Uuid id{};
    std::string name;  ///< its public id
    std::vector<std::int64_t> event_seqs;
};
struct Tally {
    std::int64_t deliveries_cancelled = 0;
    std::int64_t files_removed = 0;
    std::int64_t files_kept = 0;
};

template <typename Id>
Result<std::optional<json::Value>> find_before(store::Tx& tx, std::int64_t workspace_no,
                                               const Id& id) {
    TRY(const auto before, store::find_erasure(tx.db(), workspace_no, id.text()));
    if (!before) return std::nullopt;
    TRY(json::Value summary, json::parse(before->summary));
    return std::optional{std::move(summary)};
}

// --- Deliveries ---

/// What a receiver answered may repeat what it was sent.
Result<> erase_answers(store::Tx& tx, std::int64_t delivery_no) {
    TRY(const auto attempts, store::list_attempts(tx.db(), delivery_no));
    for (store::AttemptRow attempt : attempts) {
        auto detail = json::parse(as_text(attempt.detail), {.bytes_max = 1 << 20});
        json::Object kept;
        if (detail && detail->as_object() != nullptr)
            for (const std::string_view name :
                 {"address", "tls_version", "tls_cipher", "peer_certificate_sha256"})
                if (const json::Value* value = detail->find(name))
                    kept.append(std::string{name}, *value);
        kept.append("erased", true);
        const std::string text = json::to_text(kept);
        attempt.detail = Bytes(text.begin(), text.end());
        CHECK(store::replace_attempt_detail(tx.db(), delivery_no, attempt));
    }
    return {};
}

bool is_waiting(store::DeliveryState state) {
    return state == store::DeliveryState::queued || state == store::DeliveryState::retrying ||
           state == store::DeliveryState::held;
}

Result<> end_deliveries(store::Tx& tx, const Subject& subject, std::int64_t event_seq,
                        Tally& tally) {
    store::DeliveryFilter filter;
    filter.workspace_no = subject.workspace_no;
    filter.event_seq = event_seq;
    store::PageOptions page{.limit = page_rows, .order = store::Order::oldest_first};
    for (;;) {
        TRY(const auto found, store::list_deliveries(tx.db(), filter, page));
        for (const store::DeliveryRow& row : found.rows) {
            CHECK(erase_answers(tx, row.no));
            if (!is_waiting(row.state)) continue;
            store::DeliveryChange change;
            change.no = row.no;
            change.from = row.state;
            change.to = store::DeliveryState::cancelled;
            change.reason = "erased";
            CHECK(store::change_delivery(tx.db(), change));
            ++tally.deliveries_cancelled;
        }
        if (!found.next) return {};
        page.after = *found.next;
    }
}

// --- Files ---

/// The row with its name goes; the bytes go when no other file has the same.
Result<> erase_file(store::Tx& tx, const Subject& subject, const FileId& id, Tally& tally) {
    TRY(const auto file, store::find_file(tx.db(), subject.workspace_no, id));
    if (!file) return {};
    CHECK(store::delete_file(tx.db(), subject.workspace_no, id));
    TRY(const auto unused, store::delete_unused_blob(tx.db(), file->sha256));
    if (unused == store::Applied::no) {
        ++tally.files_kept;
        return {};
    }
    ++tally.files_removed;
    return store::doom_blob(tx.db(), file->sha256);
}

Result<> erase_files(store::Tx& tx, const Subject& subject, Tally& tally) {
    for (;;) {
        TRY(const auto uses, store::list_file_uses(tx.db(), subject.id));
        for (const store::FileUse& use : uses) {
            CHECK(store::delete_file_use(tx.db(), subject.id, use.file));
            if (use.shared)
                ++tally.files_kept;
            else
                CHECK(erase_file(tx, subject, use.file, tally));
        }
        if (uses.size() < store::page_rows_max) return {};
    }
}

// --- Quarantine ---

/// What stands for the data of an event that was set aside. Not its id: an event may have the same,
/// that was sent again in another form and accepted.
Uuid subject_of_quarantined(const QuarantineId& id) {
    const Digest digest = sha256("quarantined " + id.text());
    Uuid out{};
    std::copy_n(digest.begin(), out.size(), out.begin());
    return out;
}

Result<> erase_quarantined_of(store::Tx& tx, const Subject& subject) {
    TRY(const auto set_aside, store::list_quarantined_of(tx.db(), subject.id));
    for (const QuarantineId& id : set_aside)
        CHECK(store::erase_alerts(tx.db(), {subject.workspace_no, quarantined_alert, id.text()}));
    return store::erase_quarantined(tx.db(), subject.id);
}

// --- All of it ---

json::Value summary_of(const Subject& subject, const Tally& tally, const std::string& basis,
                       Timestamp now) {
    return json::Object{{"subject", subject.name},
                        {"erased_at", to_rfc3339(now)},
                        {"basis", basis},
                        {"events", static_cast<std::uint64_t>(subject.event_seqs.size())},
                        {"deliveries_cancelled", tally.deliveries_cancelled},
                        {"files_removed", tally.files_removed},
                        {"files_kept", tally.files_kept}};
}

Result<json::Value> erase(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                          const ErasureRequest& request, const Subject& subject) {
    const Timestamp now = side.clock().wall();
    CHECK(tx.db().overwrite_deleted());
    Tally tally;
    for (const std::int64_t seq : subject.event_seqs)
        CHECK(end_deliveries(tx, subject, seq, tally));
    CHECK(erase_files(tx, subject, tally));
    CHECK(store::erase_idempotent_answers(tx.db(), subject.id));
    CHECK(erase_quarantined_of(tx, subject));
    CHECK(store::destroy_subject_key(tx.db(), subject.workspace_no, subject.id, now));
    side.scribe.erase(tx, subject.event_seqs);
    tx.after_commit([&hub, seqs = subject.event_seqs] { hub.erased(seqs); });
    json::Value summary = summary_of(subject, tally, request.basis, now);
    CHECK(store::insert_erasure(tx.db(),
                                {subject.name, subject.workspace_no, now, json::to_text(summary)}));
    CHECK(side.intake.note(tx, subject.workspace_no, ledger::LeafKind::erasure,
                           {{"basis", request.basis},
                            {"events", static_cast<std::int64_t>(subject.event_seqs.size())},
                            {"files", tally.files_removed},
                            {"subject", subject.name}}));
    return summary;
}

Result<std::vector<std::int64_t>> events_of(store::Tx& tx, const store::EventFilter& filter) {
    std::vector<std::int64_t> out;
    store::PageOptions page{.limit = page_rows, .order = store::Order::oldest_first};
    for (;;) {
        TRY(const auto found, store::list_events(tx.db(), filter, page, store::Payload::skip));
        for (const store::EventRow& event : found.rows) out.push_back(event.seq);
        if (!found.next) return out;
        page.after = *found.next;
    }
}

}  // namespace

Result<json::Value> erase_envelope(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                   const ErasureRequest& request, const EnvelopeId& id) {
    TRY(auto before, find_before(tx, request.workspace_no, id));
    if (before) return *std::move(before);
    TRY(const auto envelope, store::find_envelope(tx.db(), request.workspace_no, id));
    if (!envelope) return fail(Errc::not_found, "there is no such envelope in this workspace");
    if (!is_terminal(envelope->state))
        return fail(Errc::conflict,
                    fmt::format("the envelope is under way ({}): void it, or delete it if it is a "
                                "draft, before its data is erased",
                                to_text(envelope->state)));
    Subject subject{request.workspace_no, id.value, id.text(), {}};
    TRY(subject.event_seqs,
        events_of(tx, {.workspace_no = request.workspace_no, .envelope_no = envelope->no}));
    return erase(tx, side, hub, request, subject);
}

Result<json::Value> erase_document(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                   const ErasureRequest& request, const DocumentId& id) {
    TRY(auto before, find_before(tx, request.workspace_no, id));
    if (before) return *std::move(before);
    TRY(const auto document, store::find_document(tx.db(), request.workspace_no, id));
    if (!document) return fail(Errc::not_found, "there is no such document in this workspace");
    if (document->state == DocumentState::sending)
        return fail(Errc::conflict,
                    "the document is being sent right now: its data can be erased once the "
                    "accounting system has answered");
    CHECK(tx.db().overwrite_deleted());
    const Timestamp now = side.clock().wall();
    CHECK(store::erase_document(tx.db(), document->no, now));
    CHECK(store::erase_alerts(tx.db(), {request.workspace_no, not_posted_alert, id.text()}));
    CHECK(store::resolve_alert_of(tx.db(), {request.workspace_no, not_posted_alert, id.text()},
                                  "erased", now));
    Subject subject{request.workspace_no, id.value, id.text(), {}};
    TRY(subject.event_seqs,
        events_of(tx, {.workspace_no = request.workspace_no, .document_no = document->no}));
    return erase(tx, side, hub, request, subject);
}

Result<json::Value> erase_event(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                const ErasureRequest& request, const EventId& id) {
    TRY(auto before, find_before(tx, request.workspace_no, id));
    if (before) return *std::move(before);
    TRY(const auto event, store::find_event(tx.db(), request.workspace_no, id));
    if (!event) return fail(Errc::not_found, "there is no such event in this workspace");
    if (event->envelope_no) {
        TRY(const Uuid owner, intake::subject_of(tx.db(), *event));
        return fail(Errc::conflict,
                    fmt::format("the event belongs to the envelope {}, whose events are erased "
                                "together: POST /v1/envelopes/{}/erase",
                                EnvelopeId{owner}.text(), EnvelopeId{owner}.text()));
    }
    if (event->document_no) {
        TRY(const Uuid owner, intake::subject_of(tx.db(), *event));
        return fail(Errc::conflict,
                    fmt::format("the event belongs to the document {}, whose events are erased "
                                "together: POST /v1/documents/{}/erase",
                                DocumentId{owner}.text(), DocumentId{owner}.text()));
    }
    return erase(tx, side, hub, request, {request.workspace_no, id.value, id.text(), {event->seq}});
}

Result<json::Value> erase_quarantined(store::Tx& tx, WriterSide& side, delivery::Hub& hub,
                                      const ErasureRequest& request, const QuarantineId& id) {
    TRY(auto before, find_before(tx, request.workspace_no, id));
    if (before) return *std::move(before);
    TRY(const auto row, store::find_quarantine(tx.db(), request.workspace_no, id));
    if (!row) return fail(Errc::not_found, "there is no such quarantined event in this workspace");
    if (row->state == store::QuarantineState::released)
        return fail(Errc::conflict,
                    "the event was released, and its data is erased where it went: POST "
                    "/v1/events/{event_id}/erase, or that of the envelope it belongs to");
    // What can no longer be read can no longer be released.
    CHECK(store::decide_quarantine(tx.db(), {.workspace_no = request.workspace_no,
                                             .id = id,
                                             .state = store::QuarantineState::rejected,
                                             .by = request.by,
                                             .at = side.clock().wall()}));
    const Uuid subject = subject_of_quarantined(id);
    CHECK(store::set_quarantine_subject(tx.db(), row->no, subject));
    return erase(tx, side, hub, request, {request.workspace_no, subject, id.text(), {}});
}

Result<> remove_doomed_blobs(sql::Connection& db, store::Blobs& blobs) {
    for (;;) {
        TRY(const auto doomed, store::list_doomed_blobs(db, page_rows));
        for (const Digest& sha256 : doomed) {
            // The same content may have been stored again meanwhile.
            TRY(const auto wanted, store::load_blob(db, sha256));
            if (!wanted) CHECK(blobs.remove(sha256));
            CHECK(store::forget_doomed_blob(db, sha256));
        }
        if (doomed.size() < page_rows) return {};
    }
}

}  // namespace blotter::api
