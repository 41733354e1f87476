#include "cli/ledger.hpp"

#include "cli/installation.hpp"
#include "cli/ledger_check.hpp"
#include "ledger/book.hpp"
#include "ledger/proof.hpp"
#include "store/tables/events.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {
namespace {

constexpr std::chrono::seconds progress_interval{2};

/// Says now and then how far a long check has come.
class Progress {
  public:
    Progress(Console& console, const runtime::Clock& clock)
        : console_(console), clock_(clock), said_(clock.mono()) {}
    void operator()(std::uint64_t done, std::uint64_t all) {
        if (clock_.mono() - said_ < progress_interval) return;
        said_ = clock_.mono();
        console_.remark("… {} of about {} entries and events ({} %)", done, all, done * 100 / all);
    }

  private:
    Console& console_;
    const runtime::Clock& clock_;
    MonoTime said_;
};

void show_report(Console& console, const LedgerReport& report) {
    for (const LedgerFinding& finding : report.findings) console.line("✗ {}", describe(finding));
    if (report.findings_left_off > 0)
        console.line("✗ and {} more findings", report.findings_left_off);
    console.line("logs {}, entries {}, signed checkpoints {}, full tiles {}", report.logs,
                 report.entries, report.checkpoints, report.tiles);
    console.line("events whose payload is the one that was accepted: {}", report.events);
    if (report.erased > 0)
        console.line("events whose data was erased, and whose entries stand: {}", report.erased);
    if (report.keys_apart > 0)
        console.line("events not opened, because a backup has their keys in a file apart: {}",
                     report.keys_apart);
    if (report.no_longer_kept > 0)
        console.line("entries of events that are no longer kept: {}", report.no_longer_kept);
    if (report.unsigned_entries > 0)
        console.line("entries newer than the last checkpoint: {}", report.unsigned_entries);
    console.line("{}", report.is_sound() ? "✓ the ledger is sound" : "✗ the ledger is damaged");
}

Result<std::optional<store::EventRow>> find_anywhere(sql::Connection& db, const EventId& id) {
    for (std::int64_t after = 0;;) {
        TRY(const auto page, store::list_workspaces(db, {after, 500, store::Order::oldest_first}));
        for (const store::WorkspaceRow& workspace : page.rows) {
            TRY(auto row, store::find_event(db, workspace.no, id));
            if (row) return row;
        }
        if (!page.next) return std::nullopt;
        after = *page.next;
    }
}

/// An entry of the ledger.
struct Place {
    std::int64_t log_no = 0;
    std::int64_t leaf = 0;
};

/// Where a log has the entry of an event, if it does: by reading it from the beginning.
Result<std::optional<Place>> find_in_log(sql::Connection& db, std::int64_t log_no,
                                         const std::string& event) {
    constexpr std::size_t slice = 1'000;
    for (std::int64_t first = 0;; first += slice) {
        TRY(const auto entries, ledger::list_entries(db, {log_no, first, slice}));
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (!as_text(entries[i]).contains(event)) continue;
            TRY(const ledger::Leaf leaf, ledger::parse_entry(entries[i]));
            const auto named = leaf.members.find("eid");
            if (leaf.kind == ledger::LeafKind::event_accepted && named != leaf.members.end() &&
                named->second == ledger::LeafValue{event})
                return Place{log_no, first + static_cast<std::int64_t>(i)};
        }
        if (entries.size() < slice) return std::nullopt;
    }
}

/// The entry of an event that is no longer kept: the ledger has it still.
Result<std::optional<Place>> find_in_ledger(sql::Connection& db, const EventId& id) {
    for (std::int64_t after = 0;;) {
        TRY(const auto page, store::list_logs(db, after, 500));
        for (const store::LogRow& log : page.rows) {
            TRY(const auto place, find_in_log(db, log.no, id.text()));
            if (place) return place;
        }
        if (!page.next) return std::nullopt;
        after = *page.next;
    }
}

Result<Place> place_of(sql::Connection& db, const EventId& id) {
    TRY(const auto event, find_anywhere(db, id));
    if (event) return Place{event->log_no, event->leaf};
    TRY(const auto place, find_in_ledger(db, id));
    if (place) return *place;
    return fail(Errc::not_found, fmt::format("there is no event {} in this data", id.text()));
}

Result<std::string> make_proof(Installation& in, const EventId& id) {
    sql::Connection& db = in.db();
    TRY(const Place event, place_of(db, id));
    TRY(const auto log, store::load_log(db, event.log_no));
    TRY(const auto checkpoint, store::checkpoint_covering(db, event.log_no, event.leaf + 1));
    if (!log || !checkpoint)
        return fail(Errc::unavailable,
                    "no signed checkpoint covers this event yet: the server signs one within "
                    "ledger.checkpoint_interval, and when it starts and stops");
    TRY(const auto entry, ledger::load_entry(db, event.log_no, event.leaf));
    if (!entry) return fail(Errc::corrupt, "the entry of this event is missing from the ledger");
    const auto size = static_cast<std::uint64_t>(checkpoint->size);
    ledger::StoredTiles tiles{db, event.log_no};
    ledger::TileHashReader hashes{tiles, size};
    ledger::LogProof proof;
    proof.extra = *entry;
    proof.index = static_cast<std::uint64_t>(event.leaf);
    TRY(proof.hashes, ledger::prove_inclusion(proof.index, size, hashes));
    proof.checkpoint = checkpoint->note;
    // Nothing is handed out that its reader would refuse.
    TRY(const auto verifier, in.verifier(log->origin));
    CHECK(ledger::verify_proof(proof, *entry, verifier));
    return ledger::to_text(proof);
}

/// The open log of a workspace, or the root log for an empty text.
Result<store::LogRow> find_log(Installation& in, std::string_view workspace) {
    std::optional<std::int64_t> no;
    if (!workspace.empty()) {
        TRY(const auto id, WorkspaceId::parse(workspace));
        TRY(const auto row, store::find_workspace(in.db(), id));
        if (!row) return fail(Errc::not_found, fmt::format("there is no workspace {}", workspace));
        no = row->no;
    }
    TRY(auto log, store::find_open_log(in.db(), no));
    if (!log)
        return fail(Errc::not_found, no ? "nothing was written to this workspace's ledger yet"
                                        : "nothing was written to the root log yet: it gets the "
                                          "workspaces' checkpoints");
    return *std::move(log);
}

}  // namespace

int verify_ledger(Console& console, const config::Settings& settings) {
    auto in = Installation::open(settings);
    if (!in) return console.failed(in.error());
    Progress progress{console, (*in)->clock()};
    LedgerCheck check{**in, {.progress = std::ref(progress)}};
    const auto report = check.run();
    if (!report) return console.failed(report.error());
    show_report(console, *report);
    return report->is_sound() ? exit_ok : exit_failed;
}

int prove_event(Console& console, const config::Settings& settings, std::string_view event,
                const std::filesystem::path& out) {
    const auto id = EventId::parse(event);
    if (!id) return console.misused(id.error().detail);
    auto in = Installation::open(settings);
    if (!in) return console.failed(in.error());
    const auto proof = make_proof(**in, *id);
    if (!proof) return console.failed(proof.error());
    if (out.empty()) {
        console.raw(*proof);
        return exit_ok;
    }
    if (auto written = (*in)->disk().replace(out, *proof); !written)
        return console.failed(written.error());
    console.line("✓ {} proves that {} is in the ledger", out.string(), id->text());
    return exit_ok;
}

int show_checkpoint(Console& console, const config::Settings& settings, std::string_view workspace,
                    CheckpointPart part) {
    auto in = Installation::open(settings);
    if (!in) return console.failed(in.error());
    const auto log = find_log(**in, workspace);
    if (!log) return console.failed(log.error());
    const auto key = (*in)->verifier(log->origin);
    if (!key) return console.failed(key.error());
    if (part == CheckpointPart::verifier_key) {
        console.line("{}", key->text());
        return exit_ok;
    }
    const auto checkpoint = store::last_checkpoint((*in)->db(), log->no);
    if (!checkpoint) return console.failed(checkpoint.error());
    if (!*checkpoint)
        return console.failed({Errc::unavailable, "no checkpoint of this log was signed yet"});
    console.raw((*checkpoint)->note);
    console.remark("\nsigned {}, verifier key {}", to_rfc3339((*checkpoint)->signed_at),
                   key->text());
    return exit_ok;
}

}  // namespace blotter::cli
