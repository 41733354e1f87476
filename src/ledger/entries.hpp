#pragma once

#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "store/tables/logs.hpp"

namespace blotter::ledger {

/// The entries of a log that were appended in one transaction, on their way to one row. Values.
class EntrySlice {
  public:
    /// `first` is the number of the entry when the slice is empty, else it comes next.
    /// `too_large` past 65,535 bytes.
    Result<> add(std::uint64_t number, ByteView entry);
    bool is_empty() const { return row_.count == 0; }
    /// Entries up to here fill a row: what follows begins another.
    bool is_full() const;
    /// The row; the slice is empty again.
    store::LeafRow take();

  private:
    store::LeafRow row_{.first = 0, .count = 0, .bytes = {}};
};

/// One entry; none for numbers that the log does not have.
Result<std::optional<Bytes>> load_entry(sql::Connection& db, std::int64_t log_no, std::int64_t n);
/// The entries of a range that are there, in order. A damaged row may give fewer, and an empty one
/// for what cannot be read.
Result<std::vector<Bytes>> list_entries(sql::Connection& db, const store::LeafRange& range);

}  // namespace blotter::ledger
