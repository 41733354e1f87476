#include "ledger/entries.hpp"

#include <algorithm>
#include <utility>

#include "base/invariant.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

/// The entries of a row as views into it. Where it is damaged, what cannot be read stands as an
/// empty one, which no entry is.
std::vector<ByteView> entries_of(const store::LeafRow& row) {
    if (row.count == 1) return {row.bytes};
    std::vector<ByteView> found;
    const auto width = std::clamp<std::int64_t>(row.count, 0, store::leaves_in_row_max);
    // What could be read of a damaged row is found too.
    if (!split_bundle(row.bytes, static_cast<std::uint16_t>(width), found)) found.emplace_back();
    return found;
}

}  // namespace

Result<> EntrySlice::add(std::uint64_t number, ByteView entry) {
    const auto n = static_cast<std::int64_t>(number);
    if (is_empty()) {
        row_.first = n;
        row_.bytes.clear();
    }
    INVARIANT(n == row_.first + row_.count && !(row_.count > 0 && is_full()));
    CHECK(append_to_bundle(row_.bytes, entry));
    ++row_.count;
    return {};
}

bool EntrySlice::is_full() const {
    return (row_.first + row_.count) % store::leaves_in_row_max == 0;
}

store::LeafRow EntrySlice::take() {
    store::LeafRow out = std::exchange(row_, {.first = 0, .count = 0, .bytes = {}});
    // One alone stands as it is.
    constexpr std::ptrdiff_t length_bytes = 2;
    if (out.count == 1) out.bytes.erase(out.bytes.begin(), out.bytes.begin() + length_bytes);
    return out;
}

Result<std::optional<Bytes>> load_entry(sql::Connection& db, std::int64_t log_no, std::int64_t n) {
    TRY(auto found, list_entries(db, {log_no, n, 1}));
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

Result<std::vector<Bytes>> list_entries(sql::Connection& db, const store::LeafRange& range) {
    TRY(auto rows, store::list_leaf_rows(db, range));
    const std::int64_t end = range.first + static_cast<std::int64_t>(range.count);
    std::vector<Bytes> out;
    out.reserve(range.count);
    for (const store::LeafRow& row : rows) {
        std::int64_t n = row.first;
        for (const ByteView entry : entries_of(row)) {
            if (n >= range.first && n < end) out.emplace_back(entry.begin(), entry.end());
            ++n;
        }
    }
    return out;
}

}  // namespace blotter::ledger
