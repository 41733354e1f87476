#include "server/figures.hpp"

#include "store/tables/alerts.hpp"
#include "store/tables/logs.hpp"
#include "store/tables/queue.hpp"

namespace blotter::server {
namespace {

constexpr std::size_t logs_of_a_page = 500;

struct Read {
    store::QueueFigures queue;
    store::Count alerts;
    std::int64_t ledger_entries = 0;
    std::optional<Timestamp> last_checkpoint;
};

Result<> read_ledger(sql::Connection& db, Read& out) {
    for (std::int64_t after = 0;;) {
        TRY(const auto page, store::list_logs(db, after, logs_of_a_page));
        for (const store::LogRow& log : page.rows) {
            TRY(const auto last, store::last_checkpoint(db, log.no));
            if (!last) continue;
            out.ledger_entries += last->size;
            if (!out.last_checkpoint || *out.last_checkpoint < last->signed_at)
                out.last_checkpoint = last->signed_at;
        }
        if (!page.next) return {};
        after = *page.next;
    }
}

Result<Read> read_all(sql::Connection& db) {
    Read out;
    TRY(out.queue, store::read_queue_figures(db, Figures::count_max));
    TRY(out.alerts, store::count_unresolved_alerts(db, Figures::count_max));
    CHECK(read_ledger(db, out));
    return out;
}

std::int64_t in_seconds(Duration duration) {
    return std::chrono::floor<std::chrono::seconds>(duration).count();
}

}  // namespace

void FiguresProbe::show_on(observe::MetricsPage& page) const {
    page.add({"blotter_due_deliveries", "Deliveries that wait for their time, up to 100000"}, {},
             due);
    page.add({"blotter_held_deliveries",
              "Deliveries held behind destinations that are paused or disabled, up to 100000"},
             {}, held);
    page.add({"blotter_oldest_due_age_seconds",
              "How late the earliest due delivery is; negative while it is ahead"},
             {}, oldest_due_age);
    page.add({"blotter_alerts_open", "Alerts that nobody has resolved, up to 100000"}, {}, alerts);
    page.add({"blotter_ledger_entries", "Entries of all logs that a signed checkpoint covers"}, {},
             ledger_entries);
    page.add({"blotter_ledger_checkpoint_timestamp_seconds",
              "When the newest checkpoint was signed, in seconds since 1970"},
             {}, checkpoint_time);
    page.add({"blotter_store_queue", "Pieces of writing work that wait or are under way"}, {},
             writer_queue);
}

runtime::Task<> Figures::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

runtime::Task<> Figures::run() {
    while (!stopping_) {
        co_await look();
        if (!stopping_) co_await wake_.wait_until(parts_.loop.now() + parts_.interval);
    }
}

runtime::Task<> Figures::look() {
    FiguresProbe& probe = parts_.probe;
    probe.writer_queue.set(static_cast<std::int64_t>(parts_.writer.figures().queued));
    const auto read = co_await store::read(parts_.loop, parts_.reader, read_all);
    if (!read) {
        parts_.log.warning("figures.not_read", {{"error", read.error()}});
        co_return;
    }
    const Timestamp now = parts_.loop.clock().wall();
    probe.due.set(read->queue.due.n);
    probe.held.set(read->queue.held.n);
    const auto oldest = read->queue.oldest_due;
    probe.oldest_due_age.set(oldest ? in_seconds(now - *oldest) : 0);
    probe.alerts.set(read->alerts.n);
    probe.ledger_entries.set(read->ledger_entries);
    if (read->last_checkpoint) probe.checkpoint_time.set(to_ms(*read->last_checkpoint) / 1'000);
}

}  // namespace blotter::server
