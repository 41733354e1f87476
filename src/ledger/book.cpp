#include "ledger/book.hpp"

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::ledger {

Result<Bytes> StoredTiles::read_tile(const TileId& id) {
    if (id.kind == TileKind::entries || id.level == 0) {
        const store::LeafRange range{log_no_, static_cast<std::int64_t>(id.index) * tile_width_max,
                                     id.width};
        const bool stored = id.kind == TileKind::hashes && id.is_full();
        if (stored) {
            TRY(auto tile,
                store::load_tile(db_, {log_no_, 0, static_cast<std::int64_t>(id.index)}));
            if (tile) return std::move(*tile);
        }
        TRY(const auto entries, list_entries(db_, range));
        if (entries.size() != id.width)
            return fail(Errc::corrupt,
                        fmt::format("from number {} on the ledger has {} leaves where {} belong",
                                    range.first, entries.size(), id.width));
        Bytes out;
        for (const Bytes& entry : entries) {
            if (id.kind == TileKind::entries) {
                CHECK(append_to_bundle(out, entry));
                continue;
            }
            const Digest hash = leaf_hash(entry);
            out.insert(out.end(), hash.begin(), hash.end());
        }
        return out;
    }
    if (id.is_full()) {
        const store::TileKey key{log_no_, id.level, static_cast<std::int64_t>(id.index)};
        TRY(auto tile, store::load_tile(db_, key));
        if (tile) return std::move(*tile);
    }
    Bytes out;
    for (std::uint64_t i = 0; i < id.width; ++i) {
        const std::uint64_t below = id.index * tile_width_max + i;
        TRY(const Bytes tile, read_tile({TileKind::hashes, static_cast<std::uint8_t>(id.level - 1),
                                         below, tile_width_max}));
        const Digest root = tile_root(tile);
        out.insert(out.end(), root.begin(), root.end());
    }
    return out;
}

Result<std::int64_t> LogBook::log_of(store::Tx& tx, const std::optional<WorkspaceId>& workspace,
                                     std::optional<std::int64_t> workspace_no, Timestamp now) {
    INVARIANT(workspace.has_value() == workspace_no.has_value());
    if (const auto known = open_.find(workspace_no); known != open_.end()) return known->second;
    TRY(const auto found, store::find_open_log(tx.db(), workspace_no));
    std::int64_t no = 0;
    if (found) {
        no = found->no;
    } else {
        store::LogRow row;
        row.workspace_no = workspace_no;
        row.origin = workspace ? options_.origin + "/" + workspace->text() : options_.origin;
        row.created_at = now;
        TRY(no, store::insert_log(tx.db(), row));
        tx.after_rollback([this, workspace_no] { open_.erase(workspace_no); });
    }
    open_.emplace(workspace_no, no);
    return no;
}

void LogBook::forget_if_undone(store::Tx& tx, std::int64_t log_no) {
    tx.after_rollback([this, log_no] { kept_.erase(log_no); });
}

void LogBook::make_room(std::int64_t except) {
    while (kept_.size() > options_.kept_max) {
        auto oldest = kept_.end();
        for (auto it = kept_.begin(); it != kept_.end(); ++it)
            // One that grew and was not handed out yet is still needed.
            if (it->first != except && !grown_.contains(it->first) &&
                (oldest == kept_.end() || it->second.used < oldest->second.used))
                oldest = it;
        if (oldest == kept_.end()) return;
        kept_.erase(oldest);
    }
}

Result<LogBook::Kept*> LogBook::edge(store::Tx& tx, std::int64_t log_no) {
    auto found = kept_.find(log_no);
    if (found == kept_.end()) {
        TRY(auto row, store::load_log(tx.db(), log_no));
        if (!row) return fail(Errc::corrupt, fmt::format("the ledger's log {} is missing", log_no));
        TRY(const std::int64_t size, store::log_size(tx.db(), log_no));
        StoredTiles tiles{tx.db(), log_no};
        TRY(TileBuilder builder, TileBuilder::resume(static_cast<std::uint64_t>(size), tiles));
        found = kept_.emplace(log_no, Kept{std::move(*row), std::move(builder)}).first;
        forget_if_undone(tx, log_no);
        make_room(log_no);
    }
    found->second.used = ++uses_;
    return &found->second;
}

Result<std::uint64_t> LogBook::next(store::Tx& tx, std::int64_t log_no) {
    TRY(const Kept* const kept, edge(tx, log_no));
    return kept->builder.size();
}

Result<> LogBook::append(store::Tx& tx, std::int64_t log_no, const Leaf& leaf) {
    TRY(const Bytes entry, to_entry(leaf));
    return append(tx, log_no, leaf.number, entry);
}

Result<> LogBook::append(store::Tx& tx, std::int64_t log_no, std::uint64_t number, ByteView entry) {
    TRY(Kept* const kept, edge(tx, log_no));
    INVARIANT(number == kept->builder.size());
    if (kept->unwritten.is_empty())
        tx.before_commit([this, &db = tx.db(), log_no] { return write(db, log_no); });
    CHECK(kept->unwritten.add(number, entry));
    tx.changed();
    forget_if_undone(tx, log_no);
    kept->builder.append(leaf_hash(entry));
    if (kept->unwritten.is_full()) CHECK(write(tx.db(), log_no));
    for (const Tile& tile : kept->builder.take_completed())
        CHECK(store::insert_tile(tx.db(),
                                 {log_no, tile.id.level, static_cast<std::int64_t>(tile.id.index)},
                                 tile.bytes));
    grown_.insert(log_no);
    return {};
}

Result<> LogBook::write(sql::Connection& db, std::int64_t log_no) {
    const auto found = kept_.find(log_no);
    if (found == kept_.end() || found->second.unwritten.is_empty()) return {};
    auto done = store::insert_leaves(db, log_no, found->second.unwritten.take());
    // To those whose work goes along with it, it is no conflict of theirs.
    if (!done && done.error().code == Errc::conflict)
        return fail(Errc::unavailable, "another program writes to this ledger: try again");
    return done;
}

Result<> LogBook::heads_after_commit(store::Tx& tx,
                                     std::function<void(std::vector<LogHead>)> take) {
    // An edge that was dropped when a transaction was undone is read again while that is possible.
    for (const std::int64_t log_no : grown_) CHECK(edge(tx, log_no));
    tx.after_commit([this, take = std::move(take)] {
        std::vector<LogHead> heads;
        std::erase_if(grown_, [&](std::int64_t log_no) {
            const auto found = kept_.find(log_no);
            if (found == kept_.end()) return false;
            const Kept& kept = found->second;
            heads.push_back({log_no, kept.row.workspace_no, kept.row.origin, kept.builder.head()});
            return true;
        });
        take(std::move(heads));
    });
    return {};
}

}  // namespace blotter::ledger
