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
using detail::Text;

// Two of the ways into a list: each is bound with its key, both ends of the numbers, and a limit.
// An event has few deliveries: those of its plan, by number, and the others by its index.
constexpr Text of_event{Text{"SELECT * FROM ("} + delivery_select +
                        "WHERE no >= ?5 AND no < ?6 UNION ALL " + delivery_select +
                        "WHERE event_seq = ?1 AND replay_no <> 0) AS d WHERE no > ?2 AND no < ?3 "};
constexpr Both list_of_event{
    {"delivery.event_newest", kept<of_event + "ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.event_oldest", kept<of_event + "ORDER BY no LIMIT ?4">.chars}};
// `state <> 5` is what the partial index is made of; it must be said for the index to be used.
constexpr Both list_of_state{
    {"delivery.state_newest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.state_oldest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no LIMIT ?4">.chars}};

// The third way: block by block of numbers, those that one of the destinations is noted in.
constexpr sql::Query block_of_destination{
    "delivery_block.of_destination",
    "SELECT 1 FROM delivery_block WHERE block = ?1 AND destination_no = ?2"};
constexpr sql::Query whole_block{"delivery_block.whole",
                                 "SELECT destination_no FROM delivery_block WHERE block = ?1"};
constexpr Both rows_between{
    {"delivery.rows_newest", kept<delivery_select +
                                  "WHERE no > ?2 AND no < ?3 AND workspace_no = ?1 "
                                  "AND (?4 IS NULL OR destination_no = ?4) ORDER BY no DESC">
                                 .chars},
    {"delivery.rows_oldest", kept<delivery_select +
                                  "WHERE no > ?2 AND no < ?3 AND workspace_no = ?1 "
                                  "AND (?4 IS NULL OR destination_no = ?4) ORDER BY no">.chars}};
constexpr sql::Query oldest_number{"delivery.first_no", "SELECT min(no) FROM delivery"};
constexpr sql::Query destinations_of_workspace{
    "destination.numbers_of_workspace", "SELECT no FROM destination WHERE workspace_no = ?1"};

bool matches(const sql::Statement& s, const DeliveryFilter& filter) {
    if (s.integer(4) != filter.workspace_no) return false;
    if (filter.event_seq && s.integer(2) != *filter.event_seq) return false;
    if (filter.destination_no && s.integer(3) != *filter.destination_no) return false;
    if (filter.state && detail::enum_at<DeliveryState>(s, 7) != *filter.state) return false;
    const Timestamp created = sql::time_at(s, 14);
    return !(filter.from && created < *filter.from) && !(filter.until && created >= *filter.until);
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

/// Lends the statement with the narrowest way in, bound and ready; none when the way is block by
/// block.
Result<sql::Statement*> walk(sql::Connection& db, const DeliveryFilter& filter, const Span& span) {
    const bool by_state = filter.state && *filter.state != DeliveryState::delivered;
    if (!filter.event_seq && !by_state) return nullptr;
    EventPlan plan;
    if (filter.event_seq) {
        TRY(auto stored, load_plan(db, *filter.event_seq));
        if (stored && stored->is_numbered()) plan = *std::move(stored);
    }
    const Both& queries = filter.event_seq ? list_of_event : list_of_state;
    TRY(sql::Statement* const statement, db.prepare(queries.in(span.order)));
    sql::bind_all(*statement, filter.event_seq.value_or(filter.workspace_no), span.above,
                  span.below, scan_rows_max);
    if (filter.event_seq) {
        sql::bind(*statement, 5, plan.first_delivery);
        sql::bind(*statement, 6, plan.end());
    } else {
        sql::bind(*statement, 5, *filter.state);
    }
    return statement;
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

/// Adds the rows of a block to a page, until it is full. Gives whether it is.
Result<bool> read_block(sql::Connection& db, const DeliveryFilter& filter, const Span& span,
                        std::int64_t block, std::size_t limit, Page<DeliveryRow>& out) {
    const std::int64_t begin = block * delivery_block_numbers;
    TRY(sql::Statement* const prepared, db.prepare(rows_between.in(span.order)));
    sql::Use use{prepared};
    sql::bind_all(*use, filter.workspace_no, std::max(span.above, begin - 1),
                  std::min(span.below, begin + delivery_block_numbers), filter.destination_no);
    for (;;) {
        TRY(const bool found, use->step());
        if (!found) return false;
        if (!matches(*use, filter)) continue;
        out.rows.push_back(read_delivery(*use));
        if (out.rows.size() < limit) continue;
        out.next = out.rows.back().no;
        return true;
    }
}

Result<Page<DeliveryRow>> list_by_blocks(sql::Connection& db, const DeliveryFilter& filter,
                                         const Span& span, std::size_t limit) {
    Page<DeliveryRow> out;
    TRY(const auto destinations, destinations_of(db, filter));
    TRY(const auto oldest, sql::one(db, oldest_number, detail::first_integer));
    TRY(const std::int64_t newest, newest_delivery_no(db));
    const std::int64_t low = std::max(span.above + 1, oldest.value_or(0));
    const std::int64_t high = std::min(span.below - 1, newest);
    if (low > high || destinations.empty()) return out;
    const bool newest_first = span.order == Order::newest_first;
    const std::int64_t step = newest_first ? -1 : 1;
    const std::int64_t last_block = (newest_first ? low : high) / delivery_block_numbers;
    std::int64_t block = (newest_first ? high : low) / delivery_block_numbers;
    const std::size_t looks_in_block = std::min(destinations.size(), looked_up_max);
    for (std::size_t looks = 0; looks < looks_max; looks += looks_in_block, block += step) {
        TRY(const bool noted, is_noted(db, block, destinations));
        if (noted) {
            looks += delivery_block_numbers;
            TRY(const bool full, read_block(db, filter, span, block, limit, out));
            if (full) return out;
        }
        if (block == last_block) return out;
    }
    // On with the block that was not looked at; positions are excluded themselves.
    out.next =
        newest_first ? (block + 1) * delivery_block_numbers : block * delivery_block_numbers - 1;
    return out;
}

}  // namespace

Result<Page<DeliveryRow>> list_deliveries(sql::Connection& db, const DeliveryFilter& filter,
                                          const PageOptions& page) {
    const Span span = span_of(page);
    const std::size_t limit = detail::limit_of(page.limit);
    TRY(sql::Statement* const statement, walk(db, filter, span));
    if (statement == nullptr) return list_by_blocks(db, filter, span, limit);
    sql::Use use{statement};
    const auto keep = [&](const sql::Statement& s) { return matches(s, filter); };
    return detail::scan(*use, limit, keep, read_delivery, scan_rows_max);
}

}  // namespace blotter::store
