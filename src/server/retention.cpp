#include "server/retention.hpp"

#include "store/tables/access.hpp"
#include "store/tables/alerts.hpp"
#include "store/tables/attempts.hpp"
#include "store/tables/destinations.hpp"
#include "store/tables/documents.hpp"
#include "store/tables/envelopes.hpp"
#include "store/tables/events.hpp"
#include "store/tables/files.hpp"
#include "store/tables/replays.hpp"
#include "store/tables/request_log.hpp"
#include "store/tables/slack.hpp"

namespace blotter::server {
namespace {

constexpr std::chrono::minutes first_round_after{1};
/// All files are looked at for this, not only the old ones.
constexpr std::chrono::hours blob_interval{6};
/// Between two slices, for the work of others; longer while they have much of it.
constexpr std::chrono::milliseconds pause{20};
constexpr std::chrono::milliseconds pause_when_busy{250};
constexpr std::size_t busy_jobs = 64;
/// In one transaction: a few milliseconds of the writer's time.
constexpr std::size_t slice_rows = 200;
/// Events take deliveries and attempts with them.
constexpr std::size_t slice_events = 50;

bool is_of_workspaces(Kept kind) {
    return kind == Kept::events || kind == Kept::envelopes || kind == Kept::documents;
}

/// Whether 0s means that this is kept for ever.
bool is_of_payloads(Kept kind) {
    return kind == Kept::quarantine || kind == Kept::events || kind == Kept::envelopes ||
           kind == Kept::documents || kind == Kept::files;
}

}  // namespace

std::string_view to_text(Kept kind) {
    switch (kind) {
        case Kept::requests:
            return "requests";
        case Kept::idempotency_keys:
            return "idempotency_keys";
        case Kept::event_keys:
            return "event_keys";
        case Kept::secrets:
            return "secrets";
        case Kept::attempts:
            return "attempts";
        case Kept::slack_messages:
            return "slack_messages";
        case Kept::file_accesses:
            return "file_accesses";
        case Kept::replays:
            return "replays";
        case Kept::alerts:
            return "alerts";
        case Kept::quarantine:
            return "quarantine";
        case Kept::events:
            return "events";
        case Kept::envelopes:
            return "envelopes";
        case Kept::documents:
            return "documents";
        case Kept::files:
            return "files";
        case Kept::blobs:
            return "blobs";
    }
    return "unknown";
}

void RetentionProbe::show_on(observe::MetricsPage& page) const {
    page.add({"blotter_retention_deleted_total", "Rows and files deleted when their time was over"},
             "kind", deleted);
}

runtime::Task<> Retention::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

runtime::Task<> Retention::run() {
    co_await wake_.wait_until(parts_.loop.now() + first_round_after);
    while (!stopping_) {
        co_await round();
        if (!stopping_) co_await wake_.wait_until(parts_.loop.now() + parts_.interval);
    }
}

runtime::Task<> Retention::round() {
    for (std::size_t i = 0; i < kept_kinds; ++i) {
        const Kept kind = static_cast<Kept>(i);
        if (is_of_payloads(kind) && parts_.settings.retention.payloads == Duration::zero())
            continue;
        if (kind == Kept::blobs) {
            if (parts_.loop.now() < next_blobs_) continue;
            next_blobs_ = parts_.loop.now() + blob_interval;
        }
        std::vector<std::int64_t> workspaces{0};
        if (is_of_workspaces(kind)) workspaces = parts_.workspaces();
        for (const std::int64_t no : workspaces) {
            const bool go_on = co_await clear({kind, no, 0, {}});
            if (!go_on) co_return;
        }
    }
}

runtime::Task<bool> Retention::clear(Place place) {
    std::int64_t deleted = 0;
    for (bool more = true; more;) {
        if (stopping_) co_return false;
        // The place is the coroutine's own, and waits for the writer with it.
        const auto slice = co_await store::write(
            parts_.loop, parts_.writer,
            [this, &place](store::Tx& tx) { return delete_slice(tx, place); });
        if (!slice) {
            parts_.log.warning("retention.failed",
                               {{"kind", to_text(place.kind)}, {"error", slice.error()}});
            // The next round begins anew.
            co_return false;
        }
        parts_.probe.deleted[place.kind].add(static_cast<std::uint64_t>(slice->deleted));
        deleted += slice->deleted;
        more = slice->more;
        const bool busy = parts_.writer.figures().queued > busy_jobs;
        if (more) co_await wake_.wait_until(parts_.loop.now() + (busy ? pause_when_busy : pause));
    }
    if (deleted > 0)
        parts_.log.info("retention.deleted", {{"kind", to_text(place.kind)}, {"count", deleted}});
    co_return true;
}

Result<Retention::Slice> Retention::delete_slice(store::Tx& tx, Place& place) const {
    sql::Connection& db = tx.db();
    const config::Settings& settings = parts_.settings;
    const auto purged = [](Result<std::int64_t> count) -> Result<Slice> {
        TRY(const std::int64_t deleted, std::move(count));
        return Slice{deleted, deleted == static_cast<std::int64_t>(slice_rows)};
    };
    switch (place.kind) {
        case Kept::requests:
            return purged(
                store::purge_request_log(db, before(settings.retention.request_log), slice_rows));
        case Kept::idempotency_keys:
            return purged(store::purge_idempotency(db, before(settings.retention.idempotency_keys),
                                                   slice_rows));
        case Kept::event_keys:
            return purged(store::purge_event_keys(db, before(settings.retention.idempotency_keys),
                                                  slice_rows));
        case Kept::secrets:
            return purged(store::purge_destination_secrets(db, before({}), slice_rows));
        case Kept::slack_messages:
            return purged(
                store::purge_slack_messages(db, before(settings.retention.attempts), slice_rows));
        case Kept::file_accesses:
            return purged(
                store::purge_file_access(db, before(settings.retention.attempts), slice_rows));
        case Kept::replays:
            return purged(store::purge_replays(db, before(settings.retention.alerts), slice_rows));
        case Kept::alerts:
            return purged(store::purge_alerts(db, before(settings.retention.alerts), slice_rows));
        case Kept::blobs:
            return delete_blobs(db, place);
        default:
            return delete_from_walk(db, place);
    }
}

/// What has no index by age is walked by number, from slice to slice.
Result<Retention::Slice> Retention::delete_from_walk(sql::Connection& db, Place& place) const {
    const Timestamp old = before(parts_.settings.retention.payloads);
    store::Chunk chunk;
    if (place.kind == Kept::attempts) {
        TRY(chunk, store::delete_old_attempts(
                       db, {before(parts_.settings.retention.attempts), place.after, slice_rows}));
    } else if (place.kind == Kept::quarantine) {
        TRY(chunk, store::delete_old_quarantine(db, {old, place.after, slice_rows}));
    } else if (place.kind == Kept::events) {
        TRY(chunk,
            store::delete_old_events(db, {place.workspace_no, old, place.after, slice_events}));
    } else if (place.kind == Kept::envelopes) {
        TRY(chunk,
            store::delete_old_envelopes(db, {place.workspace_no, old, place.after, slice_events}));
    } else if (place.kind == Kept::documents) {
        TRY(chunk,
            store::delete_old_documents(db, {place.workspace_no, old, place.after, slice_events}));
    } else {
        TRY(chunk, store::delete_unnamed_files(db, {old, place.after, slice_rows}));
    }
    place.after = chunk.next.value_or(0);
    return Slice{chunk.deleted, chunk.next.has_value()};
}

/// The bytes go before the row, on the thread on which others make sure that bytes are there
/// before they name them: a crash in between leaves a row without bytes, which nobody names.
Result<Retention::Slice> Retention::delete_blobs(sql::Connection& db, Place& place) const {
    TRY(const auto unused,
        store::list_unused_blobs(db, before(blob_grace), place.after_blob, slice_rows));
    for (const store::BlobRow& blob : unused.rows) {
        CHECK(store::delete_unused_blob(db, blob.sha256));
        CHECK(parts_.blobs.remove(blob.sha256));
    }
    place.after_blob = unused.next;
    return Slice{static_cast<std::int64_t>(unused.rows.size()), unused.next.has_value()};
}

}  // namespace blotter::server
