#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/sql.hpp"

/// The tables of the store, as plain rows and functions over one connection. What all of them
/// have in common:
///
/// - A function runs its statements in the caller's transaction, on the caller's thread. The
///   writer and readers use the same functions; what changes something is for the writer.
/// - `no` and `seq` are the store's own small numbers, used in hot rows and never shown. `id` is
///   the public id. `find_…` takes the workspace as well as the public id, so that no caller can
///   reach into another tenant; `load_…` takes a number that the program itself holds.
/// - Nothing found is an empty optional, a state that is not the expected one is `Applied::no`;
///   an Error means that the store failed or that a unique value is taken (Errc::conflict).
/// - Every list has a limit and goes on from a number.
namespace blotter::store {

/// The largest page a list gives, whatever is asked for.
inline constexpr std::size_t page_rows_max = 1'000;
/// How many rows one filtered list call looks at before it hands back what it has.
inline constexpr std::size_t scan_rows_max = 20'000;

/// Whether a conditional write found its row as expected.
enum class Applied : bool { no, yes };

enum class Order : bool { newest_first, oldest_first };

/// `after` is the `next` of the page before; 0 starts at the beginning.
struct PageOptions {
    std::int64_t after = 0;
    std::size_t limit = 50;
    Order order = Order::newest_first;
};

/// One page of a list. `next` is set while there may be more; a filtered list can set it with
/// fewer rows than the limit, or none, because it stops after `scan_rows_max`.
template <typename Row>
struct Page {
    std::vector<Row> rows;
    std::optional<std::int64_t> next;
};

/// How many there are, counted up to a cap. `complete` is false when the cap or the scan limit
/// stopped the count: there are at least `n`.
struct Count {
    std::int64_t n = 0;
    bool complete = true;
};

/// What one chunk of a deletion did. `next` is set while there may be more to do.
struct Chunk {
    std::int64_t deleted = 0;
    std::optional<std::int64_t> next;
};

/// A position in a list that is ordered by a time and then by a number.
struct TimePosition {
    Timestamp at{Duration::min()};
    std::int64_t no = 0;
    auto operator<=>(const TimePosition&) const = default;
};

}  // namespace blotter::store
