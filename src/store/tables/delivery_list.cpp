#include "store/tables/delivery_list.hpp"

#include <algorithm>

#include "store/tables/delivery_numbers.hpp"
#include "store/tables/delivery_rows.hpp"
#include "store/tables/delivery_times.hpp"
#include "store/tables/event_plan.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::delivery_select;
using detail::kept;
using detail::read_delivery;

// What an event has besides the deliveries of its plan: few, found by its index.
constexpr sql::Query others_of_event{
    "delivery.others_listed",
    kept<delivery_select + "WHERE event_seq = ?1 AND replay_no <> 0 AND no > ?2 AND no < ?3 "
                           "ORDER BY no LIMIT ?4">.chars};
// `state <> 5` is what the partial index is made of; it must be said for the index to be used.
constexpr Both list_of_state{
    {"delivery.state_newest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.state_oldest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no LIMIT ?4">.chars}};

// All others: block by block of numbers, those that one of the destinations is noted in.
constexpr sql::Query block_of_destination{
    "delivery_block.of_destination",
    "SELECT 1 FROM delivery_block WHERE block = ?1 AND destination_no = ?2"};
constexpr sql::Query whole_block{"delivery_block.whole",
                                 "SELECT destination_no FROM delivery_block WHERE block = ?1"};
constexpr sql::Query rows_between{
    "delivery.rows_between", kept<delivery_select +
                                  "WHERE no > ?2 AND no < ?3 AND workspace_no = ?1 "
                                  "AND (?4 IS NULL OR destination_no = ?4) ORDER BY no">.chars};
constexpr sql::Query destinations_of_workspace{
    "destination.numbers_of_workspace", "SELECT no FROM destination WHERE workspace_no = ?1"};

bool matches(const DeliveryRow& row, const DeliveryFilter& filter) {
    if (row.workspace_no != filter.workspace_no) return false;
    if (filter.event_seq && row.event_seq != *filter.event_seq) return false;
    if (filter.destination_no && row.destination_no != *filter.destination_no) return false;
    if (filter.state && row.state != *filter.state) return false;
    return !(filter.from && row.created_at < *filter.from) &&
           !(filter.until && row.created_at >= *filter.until);
}
/// The same before its id is looked up.
bool matches(const Delivered& d, const DeliveryFilter& filter) {
    return matches(DeliveryRow{.event_seq = d.event_seq,
                               .destination_no = d.destination_no,
                               .workspace_no = d.workspace_no,
                               .state = DeliveryState::delivered,
                               .created_at = d.created_at},
                   filter);
}

/// The numbers that a list may have, both ends excluded, and in which order.
struct Span {
    std::int64_t above = 0;
    std::int64_t below = std::numeric_limits<std::int64_t>::max();
    Order order = Order::newest_first;
};
Span span_of(const PageOptions& page) {
    Span out{.order = page.order};
    if (page.order == Order::newest_first)
        out.below = detail::start_of(page);
    else
        out.above = page.after;
    return out;
}

/// So many destinations are looked up one by one in each block; of more, all are read that are
/// noted there.
constexpr std::size_t looked_up_max = 64;
/// How many notes and rows one call looks at: half a second at most for a destination that gets
/// little.
constexpr std::size_t looks_max = 50'000;

/// Whether one of these destinations (sorted) is noted in a block.
Result<bool> is_noted(sql::Connection& db, std::int64_t block,
                      const std::vector<std::int64_t>& destinations) {
    if (destinations.size() > looked_up_max) {
        TRY(const auto all, sql::all(db, whole_block, detail::first_integer, block));
        return std::ranges::any_of(all, [&](std::int64_t destination_no) {
            return std::ranges::binary_search(destinations, destination_no);
        });
    }
    for (const std::int64_t destination_no : destinations) {
        TRY(const auto noted,
            sql::one(db, block_of_destination, detail::first_integer, block, destination_no));
        if (noted) return true;
    }
    return false;
}

/// The deliveries of a workspace are those of its destinations, also of removed ones.
Result<std::vector<std::int64_t>> destinations_of(sql::Connection& db,
                                                  const DeliveryFilter& filter) {
    if (filter.destination_no) return std::vector{*filter.destination_no};
    TRY(auto out,
        sql::all(db, destinations_of_workspace, detail::first_integer, filter.workspace_no));
    std::ranges::sort(out);
    return out;
}

/// A page on its way, in the order of the list.
struct Filling {
    const DeliveryFilter& filter;
    Span span;
    std::size_t limit = 0;
    Page<DeliveryRow> page;

    /// Gives whether the page is full: `next` is set then.
    bool add(DeliveryRow row) {
        page.rows.push_back(std::move(row));
        if (page.rows.size() < limit) return false;
        page.next = page.rows.back().no;
        return true;
    }
};

/// Of these numbers what stands in blocks, in order.
Result<std::vector<Delivered>> delivered_between(const DeliveredBlock& block, const Filling& to,
                                                 std::int64_t begin, std::int64_t end) {
    TRY(auto out, block.between(std::max(to.span.above + 1, begin), std::min(to.span.below, end)));
    std::erase_if(out, [&](const Delivered& d) { return !matches(d, to.filter); });
    return out;
}

/// Adds what matches of these numbers, at most a block of 64, from rows and from the block.
/// Gives whether the page is full.
Result<bool> read_some(sql::Connection& db, const DeliveredBlock& block, Filling& to,
                       std::int64_t begin, std::int64_t end) {
    TRY(auto rows, sql::all(db, rows_between, read_delivery, to.filter.workspace_no,
                            std::max(to.span.above, begin - 1), std::min(to.span.below, end),
                            to.filter.destination_no));
    std::erase_if(rows, [&](const DeliveryRow& row) { return !matches(row, to.filter); });
    TRY(const auto delivered, delivered_between(block, to, begin, end));
    for (const Delivered& d : delivered) {
        TRY(auto row, detail::row_of(db, d));
        rows.push_back(std::move(row));
    }
    std::ranges::sort(rows, {}, &DeliveryRow::no);
    if (to.span.order == Order::newest_first) std::ranges::reverse(rows);
    for (DeliveryRow& row : rows)
        if (to.add(std::move(row))) return true;
    return false;
}

/// Adds what matches of these numbers, from the end where the list begins. Gives whether the page
/// is full.
Result<bool> read_numbers(sql::Connection& db, Filling& to, std::int64_t begin, std::int64_t end) {
    begin = std::max(begin, to.span.above + 1);
    end = std::min(end, to.span.below);
    if (begin >= end) return false;
    const bool newest_first = to.span.order == Order::newest_first;
    const std::int64_t low = begin / delivered_in_block;
    const std::int64_t high = (end - 1) / delivered_in_block;
    for (std::int64_t n = low; n <= high; ++n) {
        const std::int64_t number = newest_first ? high - (n - low) : n;
        TRY(const auto block, DeliveredBlock::load_of(db, number * delivered_in_block));
        TRY(const bool full,
            read_some(db, block, to, std::max(begin, block.begin()), std::min(end, block.end())));
        if (full) return true;
    }
    return false;
}

/// Those of its plan and, with numbers of their own, what was sent again or planned before events
/// gave numbers.
Result<Page<DeliveryRow>> list_of_event(sql::Connection& db, Filling to) {
    TRY(const auto plan, load_plan(db, *to.filter.event_seq));
    TRY(auto others, sql::all(db, others_of_event, read_delivery, *to.filter.event_seq,
                              to.span.above, to.span.below, scan_rows_max));
    std::erase_if(others, [&](const DeliveryRow& row) { return !matches(row, to.filter); });
    const bool newest_first = to.span.order == Order::newest_first;
    if (newest_first) std::ranges::reverse(others);
    // Numbers of a plan are older than those of anything sent again.
    if (newest_first)
        for (DeliveryRow& row : others)
            if (to.add(std::move(row))) return std::move(to.page);
    if (plan && plan->is_numbered()) {
        TRY(const bool full, read_numbers(db, to, plan->first_delivery, plan->end()));
        if (full) return std::move(to.page);
    }
    if (!newest_first)
        for (DeliveryRow& row : others)
            if (to.add(std::move(row))) break;
    return std::move(to.page);
}

Result<Page<DeliveryRow>> list_by_blocks(sql::Connection& db, Filling to) {
    const Span span = to.span;
    TRY(const auto destinations, destinations_of(db, to.filter));
    TRY(const auto oldest, next_delivery_no(db, 1));
    TRY(const std::int64_t newest, newest_delivery_no(db));
    const std::int64_t low = std::max(span.above + 1, oldest.value_or(0));
    const std::int64_t high = std::min(span.below - 1, newest);
    if (low > high || destinations.empty()) return std::move(to.page);
    const bool newest_first = span.order == Order::newest_first;
    const std::int64_t step = newest_first ? -1 : 1;
    const std::int64_t last_block = (newest_first ? low : high) / delivery_block_numbers;
    std::int64_t block = (newest_first ? high : low) / delivery_block_numbers;
    const std::size_t looks_in_block = std::min(destinations.size(), looked_up_max);
    for (std::size_t looks = 0; looks < looks_max; looks += looks_in_block, block += step) {
        TRY(const bool noted, is_noted(db, block, destinations));
        if (noted) {
            looks += delivery_block_numbers;
            const std::int64_t begin = block * delivery_block_numbers;
            TRY(const bool full, read_numbers(db, to, begin, begin + delivery_block_numbers));
            if (full) return std::move(to.page);
        }
        if (block == last_block) return std::move(to.page);
    }
    // On with the block that was not looked at; positions are excluded themselves.
    to.page.next =
        newest_first ? (block + 1) * delivery_block_numbers : block * delivery_block_numbers - 1;
    return std::move(to.page);
}

}  // namespace

Result<Page<DeliveryRow>> list_deliveries(sql::Connection& db, const DeliveryFilter& filter,
                                          const PageOptions& page) {
    Filling to{filter, span_of(page), detail::limit_of(page.limit), {}};
    if (filter.event_seq) return list_of_event(db, std::move(to));
    // What is not delivered has an index of its own, and stands in no block.
    if (!filter.state || *filter.state == DeliveryState::delivered)
        return list_by_blocks(db, std::move(to));
    TRY(sql::Statement* const statement, db.prepare(list_of_state.in(to.span.order)));
    sql::Use use{statement};
    sql::bind_all(*use, filter.workspace_no, to.span.above, to.span.below, scan_rows_max,
                  *filter.state);
    const auto keep = [&](const sql::Statement& s) { return matches(read_delivery(s), filter); };
    TRY(auto found, detail::scan(*use, to.limit, keep, read_delivery, scan_rows_max));
    return found;
}

}  // namespace blotter::store
