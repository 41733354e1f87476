#include "cli/ledger_check.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "intake/intake.hpp"
#include "ledger/book.hpp"

namespace blotter::cli {
namespace {

constexpr std::size_t pages_of = 500;
constexpr std::size_t hash_bytes = sizeof(Digest);

/// Empty when the entry has no such text.
std::string text_of(const ledger::Leaf& leaf, std::string_view member) {
    const auto found = leaf.members.find(member);
    const auto* value =
        found == leaf.members.end() ? nullptr : std::get_if<std::string>(&found->second);
    return value == nullptr ? std::string{} : *value;
}

/// What the row of an event says and its payload does not; empty when they agree. The payload is
/// what the ledger commits to; lists and routing go by the row.
std::string disagreement(const store::EventRow& row, std::string_view payload) {
    const auto body = json::parse(payload, {.bytes_max = 16 << 20});
    if (!body) return "the payload cannot be read";
    const std::pair<const char*, std::string> columns[] = {
        {"type", std::string{to_text(row.type)}},
        {"timestamp", to_rfc3339(row.occurred_at)},
    };
    for (const auto& [member, shown] : columns) {
        const json::Value* found = body->find(member);
        const std::string* accepted = found == nullptr ? nullptr : found->as_string();
        if (accepted == nullptr || *accepted != shown)
            return fmt::format("the row says {} {}, the payload that was accepted says {}", member,
                               shown, accepted == nullptr ? "nothing" : *accepted);
    }
    return {};
}

}  // namespace

std::string describe(const LedgerFinding& finding) {
    if (!finding.entry) return fmt::format("{}: {}", finding.log, finding.words);
    return fmt::format("{}, entry {}: {}", finding.log, *finding.entry, finding.words);
}

struct LedgerCheck::Walk {
    const store::LogRow& log;
    std::uint64_t size;
    std::string tenant;
    std::optional<ledger::NoteVerifier> key{};
    ledger::TileBuilder builder{};
    /// The checkpoints that lie ahead, in order of size; refilled page by page.
    std::vector<store::CheckpointRow> ahead{};
    std::size_t ahead_at = 0;
    std::int64_t last_size = 0;
    bool more_checkpoints = true;
    std::uint64_t proven = 0;  ///< entries under the last root that was right
    bool head_wrong = false;
    bool tile_wrong = false;
    std::optional<Expected> last_signed{};
};

void LedgerCheck::find(const std::string& log, std::optional<std::uint64_t> entry,
                       std::string words) {
    broken_.insert(log);
    if (report_.findings.size() < options_.findings_max)
        report_.findings.push_back({log, entry, std::move(words)});
    else
        ++report_.findings_left_off;
}

void LedgerCheck::step(std::uint64_t count) {
    done_ += count;
    if (options_.progress) options_.progress(done_, std::max(all_, done_));
}

Result<LedgerReport> LedgerCheck::run() {
    // Before the snapshot: the file is written ahead of the database, never behind it.
    CHECK(load_state());
    CHECK(in_.db().begin());
    auto done = check_all();
    in_.db().rollback();
    if (!done) return pass(std::move(done).error());
    return std::move(report_);
}

Result<> LedgerCheck::load_state() {
    auto state = in_.log_state();
    if (state) {
        state_ = *std::move(state);
        return {};
    }
    if (state.error().code == Errc::storage_failed) return pass(std::move(state).error());
    state_readable_ = false;
    find(in_.paths().last_signed().string(), {}, state.error().detail);
    return {};
}

Result<> LedgerCheck::check_all() {
    std::vector<store::WorkspaceRow> workspaces;
    for (std::int64_t after = 0;;) {
        TRY(auto page,
            store::list_workspaces(in_.db(), {after, pages_of, store::Order::oldest_first}));
        for (store::WorkspaceRow& row : page.rows) {
            tenants_.emplace(row.no, row.id.text());
            workspaces.push_back(std::move(row));
        }
        if (!page.next) break;
        after = *page.next;
    }
    TRY(const auto logs, in_.logs());
    for (const store::LogRow& log : logs) {
        logs_.emplace(log.no, log);
        TRY(const std::int64_t size, store::log_size(in_.db(), log.no));
        all_ += static_cast<std::uint64_t>(size);
        if (!log.workspace_no) root_logs_.push_back(log.no);
    }
    // Every event has a leaf, and most leaves are of events that are looked at once more.
    all_ *= 2;
    for (const auto& [no, log] : logs_) CHECK(check_log(log));
    CHECK(check_root_entries());
    for (const store::WorkspaceRow& workspace : workspaces) CHECK(check_events(workspace));
    const std::uint64_t rows = report_.events + report_.erased + report_.keys_apart;
    report_.no_longer_kept = accepted_leaves_ > rows ? accepted_leaves_ - rows : 0;
    return {};
}

Result<> LedgerCheck::check_log(const store::LogRow& log) {
    ++report_.logs;
    TRY(const std::int64_t size, store::log_size(in_.db(), log.no));
    Walk walk{.log = log, .size = static_cast<std::uint64_t>(size), .tenant = "root"};
    if (log.workspace_no) walk.tenant = tenants_[*log.workspace_no];
    TRY(walk.key, in_.verifier(log.origin));
    CHECK(check_state_of(walk));
    const auto known = state_.find(log.origin);
    if (known != state_.end() && !log.closed_at && known->second.size <= walk.size)
        walk.last_signed = Expected{known->second.size, known->second.root,
                                    "the last signature, kept outside the database"};
    CHECK(walk_entries(walk));
    CHECK(check_tile_counts(walk));
    if (!walk.head_wrong) report_.unsigned_entries += walk.size - walk.proven;
    return {};
}

/// What was signed last, against how much there is.
Result<> LedgerCheck::check_state_of(const Walk& walk) {
    // A log that a fork has closed is behind what was signed: that is why it was closed.
    if (walk.log.closed_at || !state_readable_) return {};
    TRY(const auto stored, store::last_checkpoint(in_.db(), walk.log.no));
    auto known = state_.find(walk.log.origin);
    if (known == state_.end() && stored) {
        // Perhaps the log is younger than our reading of the file.
        TRY(const auto again, in_.log_state());
        if (!again.contains(walk.log.origin))
            find(walk.log.origin, {},
                 fmt::format("checkpoints were signed, but the file {} does not know this log: it "
                             "is missing or another one",
                             in_.paths().last_signed().string()));
        return {};
    }
    if (known != state_.end() && known->second.size > walk.size)
        find(walk.log.origin, {},
             fmt::format("{} entries were signed, the database has {}: it is older than the last "
                         "signature, probably restored from a backup",
                         known->second.size, walk.size));
    return {};
}

Result<> LedgerCheck::walk_entries(Walk& walk) {
    CHECK(check_heads(walk));
    while (walk.builder.size() < walk.size) {
        const std::uint64_t first = walk.builder.size();
        const auto wanted = std::min<std::uint64_t>(ledger::tile_width_max, walk.size - first);
        TRY(const auto entries,
            ledger::list_entries(in_.db(), {walk.log.no, static_cast<std::int64_t>(first),
                                            static_cast<std::size_t>(wanted)}));
        CHECK(check_bundle(walk, entries));
        if (entries.size() < wanted) {
            find(walk.log.origin, walk.builder.size(),
                 "this entry is missing from the database; the rest of the log was not looked at");
            walk.head_wrong = true;
            return {};
        }
    }
    if (walk.ahead_at < walk.ahead.size() && !walk.head_wrong)
        find(walk.log.origin, {},
             fmt::format("a checkpoint says {} entries, the log has {}",
                         walk.ahead[walk.ahead_at].size, walk.size));
    return {};
}

Result<> LedgerCheck::check_bundle(Walk& walk, const std::vector<Bytes>& entries) {
    for (const Bytes& entry : entries) {
        // `list_entries` leaves gaps out: the number inside tells, and then the root.
        CHECK(check_leaf(walk, entry));
        walk.builder.append(ledger::leaf_hash(entry));
        CHECK(check_tiles(walk));
        CHECK(check_heads(walk));
    }
    report_.entries += entries.size();
    step(entries.size());
    return {};
}

Result<> LedgerCheck::check_leaf(Walk& walk, const Bytes& entry) {
    const std::uint64_t n = walk.builder.size();
    const auto leaf = ledger::parse_entry(entry);
    if (!leaf || leaf->number != n) {
        find(walk.log.origin, n,
             leaf ? fmt::format("the entry says it is number {}", leaf->number)
                  : "this is no entry: " + leaf.error().detail);
        return {};
    }
    if (leaf->tenant != walk.tenant)
        find(walk.log.origin, n,
             fmt::format("the entry belongs to {}, not to {}", leaf->tenant, walk.tenant));
    if (leaf->kind == ledger::LeafKind::event_accepted) CHECK(check_kept(walk, *leaf));
    if (n != 0 || !walk.log.forked_from) return {};
    const auto old = logs_.find(*walk.log.forked_from);
    const auto named = ledger::checkpoint_in(*leaf);
    if (leaf->kind != ledger::LeafKind::log_forked || !named || old == logs_.end() ||
        named->origin != old->second.origin)
        find(walk.log.origin, n, "a fork must begin by naming the log that it takes over from");
    return {};
}

/// An event that was accepted is there, or retention deleted it and left behind where its entry is.
Result<> LedgerCheck::check_kept(const Walk& walk, const ledger::Leaf& leaf) {
    const std::string event = text_of(leaf, "eid");
    const auto id = EventId::parse(event);
    if (id && walk.log.workspace_no) {
        TRY(const auto place, store::find_event_leaf(in_.db(), *walk.log.workspace_no, *id));
        // An event that names another entry is looked at with the events.
        if (place) {
            ++accepted_leaves_;
            return {};
        }
    }
    find(walk.log.origin, leaf.number,
         fmt::format("the event {} is missing, and retention did not delete it: a backup may "
                     "have it",
                     event));
    return {};
}

Result<> LedgerCheck::check_tiles(Walk& walk) {
    if (walk.builder.size() % ledger::tile_width_max != 0) return {};
    for (const ledger::Tile& tile : walk.builder.take_completed()) {
        ++report_.tiles;
        const auto index = static_cast<std::int64_t>(tile.id.index);
        TRY(const auto stored, store::load_tile(in_.db(), {walk.log.no, tile.id.level, index}));
        if (stored && *stored == tile.bytes) continue;
        const std::string path = ledger::tile_path(tile.id);
        if (!stored || stored->size() != tile.bytes.size()) {
            find(walk.log.origin, {},
                 path + (stored ? " has another length than a tile" : " is missing"));
            walk.tile_wrong = true;
            continue;
        }
        // One wrong entry makes every tile above it wrong: that is said once.
        if (tile.id.level > 0 && walk.tile_wrong) continue;
        walk.tile_wrong = true;
        const auto differs = std::ranges::mismatch(*stored, tile.bytes).in1 - stored->begin();
        const auto position = static_cast<std::uint64_t>(differs) / hash_bytes;
        if (tile.id.level == 0)
            find(walk.log.origin, tile.id.index * ledger::tile_width_max + position,
                 fmt::format("the hash of this entry is not the one in {}: the entry or the tile "
                             "was changed",
                             path));
        else
            find(walk.log.origin, {}, fmt::format("hash {} of {} is wrong", position, path));
    }
    return {};
}

Result<> LedgerCheck::refill(Walk& walk) {
    if (walk.ahead_at < walk.ahead.size() || !walk.more_checkpoints) return {};
    TRY(auto page, store::list_checkpoints(in_.db(), walk.log.no, walk.last_size, pages_of));
    walk.more_checkpoints = page.next.has_value();
    walk.ahead = std::move(page.rows);
    walk.ahead_at = 0;
    if (!walk.ahead.empty()) walk.last_size = walk.ahead.back().size;
    return {};
}

/// Compares the tree as it is now with everything that was said of a tree of this size.
Result<> LedgerCheck::check_heads(Walk& walk) {
    CHECK(refill(walk));
    const std::uint64_t size = walk.builder.size();
    if (walk.last_signed && walk.last_signed->size == size) compare_head(walk, *walk.last_signed);
    while (walk.ahead_at < walk.ahead.size() &&
           static_cast<std::uint64_t>(walk.ahead[walk.ahead_at].size) == size) {
        const store::CheckpointRow& row = walk.ahead[walk.ahead_at];
        ++report_.checkpoints;
        const std::string name = fmt::format("the checkpoint of {} entries", size);
        const auto opened = ledger::open_checkpoint(row.note, *walk.key);
        if (!opened)
            find(walk.log.origin, {}, name + ": " + opened.error().detail);
        else if (opened->checkpoint.origin != walk.log.origin ||
                 opened->checkpoint.head != ledger::TreeHead{size, row.root})
            find(walk.log.origin, {}, name + " was signed for something else");
        else
            compare_head(walk, {size, row.root, name + ", signed " + to_rfc3339(row.signed_at)});
        ++walk.ahead_at;
        CHECK(refill(walk));
    }
    return {};
}

void LedgerCheck::compare_head(Walk& walk, const Expected& expected) {
    const Digest root = walk.builder.head().root;
    if (root == expected.root) {
        if (!walk.head_wrong) walk.proven = std::max(walk.proven, expected.size);
        return;
    }
    // Every later root is wrong too: the first one says where.
    if (std::exchange(walk.head_wrong, true)) return;
    find(
        walk.log.origin, {},
        fmt::format("{} has the root {}, the entries have {}: at least one of the entries {} to {} "
                    "is not what was signed",
                    expected.says, to_hex(expected.root), to_hex(root), walk.proven,
                    expected.size == 0 ? 0 : expected.size - 1));
}

Result<> LedgerCheck::check_tile_counts(const Walk& walk) {
    std::uint64_t full = walk.size;
    for (int level = 0; level < ledger::tile_levels_max; ++level) {
        full /= ledger::tile_width_max;
        TRY(const std::int64_t there, store::count_tiles(in_.db(), walk.log.no, level));
        if (static_cast<std::uint64_t>(there) > full)
            find(walk.log.origin, {},
                 fmt::format("there are {} full tiles of level {}, the entries fill {}", there,
                             level, full));
    }
    return {};
}

/// The root logs name checkpoints of the other logs: those must be true.
Result<> LedgerCheck::check_root_entries() {
    std::map<std::string, const store::LogRow*, std::less<>> by_origin;
    for (const auto& [no, log] : logs_) by_origin.emplace(log.origin, &log);
    for (const std::int64_t root : root_logs_) {
        const std::string& origin = logs_.at(root).origin;
        for (std::int64_t n = 0;; n += ledger::tile_width_max) {
            TRY(const auto entries,
                ledger::list_entries(in_.db(), {root, n, ledger::tile_width_max}));
            for (std::size_t i = 0; i < entries.size(); ++i) {
                const auto leaf = ledger::parse_entry(entries[i]);
                if (!leaf || leaf->kind != ledger::LeafKind::checkpoint) continue;
                const auto named = ledger::checkpoint_in(*leaf);
                const auto log = named ? by_origin.find(named->origin) : by_origin.end();
                if (log == by_origin.end()) {
                    find(origin, leaf->number, "the entry names a log that does not exist");
                    continue;
                }
                // What is wrong with that log was said already.
                if (broken_.contains(named->origin)) continue;
                TRY(const std::int64_t size, store::log_size(in_.db(), log->second->no));
                ledger::StoredTiles tiles{in_.db(), log->second->no};
                ledger::TileHashReader hashes{tiles, static_cast<std::uint64_t>(size)};
                const auto there = named->head.size <= static_cast<std::uint64_t>(size)
                                       ? ledger::tree_root(named->head.size, hashes)
                                       : Result<Digest>{};
                if (!there || *there != named->head.root)
                    find(origin, leaf->number,
                         fmt::format("the log {} does not have the {} entries that it had when "
                                     "this entry was written",
                                     named->origin, named->head.size));
            }
            if (entries.size() < ledger::tile_width_max) break;
        }
    }
    return {};
}

Result<> LedgerCheck::check_events(const store::WorkspaceRow& workspace) {
    for (std::int64_t after = 0;;) {
        store::EventFilter all;
        all.workspace_no = workspace.no;
        TRY(const auto page,
            store::list_events(in_.db(), all, {after, pages_of, store::Order::oldest_first},
                               store::Payload::skip));
        for (const store::EventRow& event : page.rows) CHECK(check_event(workspace, event));
        step(page.rows.size());
        if (!page.next) return {};
        after = *page.next;
    }
}

Result<> LedgerCheck::check_event(const store::WorkspaceRow& workspace,
                                  const store::EventRow& event) {
    const auto log = logs_.find(event.log_no);
    const std::string name = log == logs_.end() ? workspace.id.text() : log->second.origin;
    const auto n = static_cast<std::uint64_t>(event.leaf);
    const auto wrong = [&](std::string_view words) {
        find(name, n, fmt::format("the event {} {}", event.id.text(), words));
        return Result<>{};
    };
    TRY(const auto entry, ledger::load_entry(in_.db(), event.log_no, event.leaf));
    if (!entry) return wrong("names an entry that is not there");
    const auto leaf = ledger::parse_entry(*entry);
    if (!leaf) return {};  // said already
    if (leaf->kind != ledger::LeafKind::event_accepted || text_of(*leaf, "eid") != event.id.text())
        return wrong("names an entry that is about something else");
    if (leaf->at != event.accepted_at) return wrong("has another time than its entry");
    return check_payload(workspace, event, text_of(*leaf, "c"));
}

Result<> LedgerCheck::check_payload(const store::WorkspaceRow& workspace,
                                    const store::EventRow& event, const std::string& commitment) {
    const std::string& name = logs_.at(event.log_no).origin;
    const auto n = static_cast<std::uint64_t>(event.leaf);
    TRY(auto sealed, intake::load_sealed_event(in_.db(), event.seq));
    if (!sealed.key && std::filesystem::exists(in_.paths().subject_keys())) {
        ++report_.keys_apart;
        return {};
    }
    auto key = in_.keys().open_subject(workspace.id, sealed.subject, sealed.key,
                                       std::move(sealed.workspace_keys));
    if (!key && key.error().code == Errc::gone) {
        ++report_.erased;
        return {};
    }
    ++report_.events;
    if (!key) {
        find(name, n, fmt::format("the event {}: {}", event.id.text(), key.error().detail));
        return {};
    }
    security::Vault& vault = in_.keys().vault();
    const auto payload =
        vault.open_payload(*key, intake::event_cell(workspace.id, event.id), sealed.row.payload);
    if (!payload)
        find(name, n,
             fmt::format("the payload of the event {} cannot be opened: {}", event.id.text(),
                         payload.error().detail));
    else if (to_hex(vault.commit(*key, *payload)) != commitment)
        find(name, n,
             fmt::format("the payload of the event {} is not the one that the entry commits to",
                         event.id.text()));
    else if (const std::string words = disagreement(event, as_text(*payload)); !words.empty())
        find(name, n, fmt::format("the event {}: {}", event.id.text(), words));
    return {};
}

}  // namespace blotter::cli
