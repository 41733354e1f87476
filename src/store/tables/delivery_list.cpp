#include "store/tables/delivery_list.hpp"

#include <algorithm>

#include "store/tables/delivery_rows.hpp"

namespace blotter::store {
namespace {

using detail::Both;
using detail::delivery_select;
using detail::kept;
using detail::read_delivery;

// Two of the ways into a list: each is bound with its key, both ends of the numbers, and a limit.
// The plus keeps the engine on the event's index: an event has few deliveries, and they are sorted.
constexpr Both list_of_event{
    {"delivery.event_newest", kept<delivery_select +
                                   "WHERE event_seq = ?1 AND +no > ?2 AND +no < ?3 "
                                   "ORDER BY +no DESC LIMIT ?4">.chars},
    {"delivery.event_oldest", kept<delivery_select +
                                   "WHERE event_seq = ?1 AND +no > ?2 AND +no < ?3 "
                                   "ORDER BY +no LIMIT ?4">.chars}};
// `state <> 5` is what the partial index is made of; it must be said for the index to be used.
constexpr Both list_of_state{
    {"delivery.state_newest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no DESC LIMIT ?4">.chars},
    {"delivery.state_oldest", kept<delivery_select +
                                   "WHERE workspace_no = ?1 AND state = ?5 AND state <> 5 "
                                   "AND no > ?2 AND no < ?3 ORDER BY no LIMIT ?4">.chars}};

// The third way: block by block of numbers, each answered from the index alone.
constexpr std::int64_t block_numbers = 1'024;
constexpr sql::Query block_of_destination{
    "delivery.block_of_destination",
    "SELECT no FROM delivery WHERE no / 1024 = ?1 AND destination_no = ?2 ORDER BY no"};
constexpr sql::Query whole_block{"delivery.block",
                                 "SELECT no, destination_no FROM delivery WHERE no / 1024 = ?1"};
constexpr sql::Query oldest_number{"delivery.first_no", "SELECT min(no) FROM delivery"};
constexpr sql::Query newest_number{"delivery.last_no", "SELECT max(no) FROM delivery"};
constexpr sql::Query destinations_of_workspace{
    "destination.numbers_of_workspace", "SELECT no FROM destination WHERE workspace_no = ?1"};
constexpr sql::Query delivery_whole{"delivery.whole",
                                    kept<delivery_select + "WHERE no = ?1">.chars};

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
    const Both& queries = filter.event_seq ? list_of_event : list_of_state;
    TRY(sql::Statement* const statement, db.prepare(queries.in(span.order)));
    sql::bind_all(*statement, filter.event_seq.value_or(filter.workspace_no), span.above,
                  span.below, scan_rows_max);
    if (!filter.event_seq) sql::bind(*statement, 5, *filter.state);
    return statement;
}

/// So many destinations are looked up one by one in each block; of more, the block is read whole.
constexpr std::size_t looked_up_max = 64;
/// How often one call looks into blocks: half a second at most for a destination that gets little.
constexpr std::size_t looks_max = 50'000;

/// The numbers of deliveries of these destinations (sorted) in a block, in order of the span.
Result<std::vector<std::int64_t>> numbers_in(sql::Connection& db, std::int64_t block,
                                             const std::vector<std::int64_t>& destinations,
                                             const Span& span) {
    std::vector<std::int64_t> out;
    if (destinations.size() > looked_up_max) {
        const auto read = [](const sql::Statement& s) {
            return std::pair{s.integer(0), s.integer(1)};
        };
        TRY(const auto all, sql::all(db, whole_block, read, block));
        for (const auto& [no, destination_no] : all)
            if (std::ranges::binary_search(destinations, destination_no)) out.push_back(no);
    } else {
        for (const std::int64_t destination_no : destinations) {
            TRY(const auto some,
                sql::all(db, block_of_destination, detail::first_integer, block, destination_no));
            out.insert(out.end(), some.begin(), some.end());
        }
    }
    std::erase_if(out, [&](std::int64_t no) { return no <= span.above || no >= span.below; });
    std::ranges::sort(out);
    if (span.order == Order::newest_first) std::ranges::reverse(out);
    return out;
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

Result<Page<DeliveryRow>> list_by_blocks(sql::Connection& db, const DeliveryFilter& filter,
                                         const Span& span, std::size_t limit) {
    Page<DeliveryRow> out;
    TRY(const auto destinations, destinations_of(db, filter));
    TRY(const auto oldest, sql::one(db, oldest_number, detail::first_integer));
    TRY(const auto newest, sql::one(db, newest_number, detail::first_integer));
    const std::int64_t low = std::max(span.above + 1, oldest.value_or(0));
    const std::int64_t high = std::min(span.below - 1, newest.value_or(0));
    if (low > high || destinations.empty()) return out;
    const bool newest_first = span.order == Order::newest_first;
    const std::int64_t step = newest_first ? -1 : 1;
    const std::int64_t last_block = (newest_first ? low : high) / block_numbers;
    std::int64_t block = (newest_first ? high : low) / block_numbers;
    const auto read = [&](const sql::Statement& s) -> std::optional<DeliveryRow> {
        if (!matches(s, filter)) return std::nullopt;
        return read_delivery(s);
    };
    const std::size_t looks_in_block = std::min(destinations.size(), looked_up_max);
    std::size_t rows = 0;
    for (std::size_t looks = 0; looks < looks_max; looks += looks_in_block, block += step) {
        TRY(const auto numbers, numbers_in(db, block, destinations, span));
        for (const std::int64_t no : numbers) {
            TRY(auto row, sql::one(db, delivery_whole, read, no));
            if (row && *row) out.rows.push_back(**std::move(row));
            if (out.rows.size() < limit && ++rows < scan_rows_max) continue;
            out.next = no;
            return out;
        }
        if (block == last_block) return out;
    }
    // On with the block that was not looked at; positions are excluded themselves.
    out.next = newest_first ? (block + 1) * block_numbers : block * block_numbers - 1;
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
