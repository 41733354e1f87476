#include "store/tables/event_plan.hpp"

#include <algorithm>

#include "store/tables/packed.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query plan_read{"event.plan",
                               "SELECT plan FROM event WHERE seq = ?1 AND plan IS NOT NULL"};

}  // namespace

std::optional<std::int64_t> EventPlan::number_of(std::int64_t destination_no) const {
    const auto found = std::ranges::find(destination_nos, destination_no);
    if (found == destination_nos.end()) return std::nullopt;
    return first_delivery + (found - destination_nos.begin());
}

void pack_plan(std::int64_t first_delivery, std::span<const std::int64_t> destination_nos,
               Bytes& out) {
    if (destination_nos.empty()) return;
    out.reserve(out.size() + 8 + 2 * destination_nos.size());
    if (first_delivery != 0) {
        pack_number(0, out);
        pack_number(first_delivery, out);
    }
    pack_numbers(destination_nos, out);
}

Result<EventPlan> unpack_plan(ByteView packed) {
    EventPlan out;
    if (!packed.empty() && packed.front() == 0) {
        packed = packed.subspan(1);
        const auto first = take_packed(packed);
        if (!first || *first == 0)
            return fail(Errc::corrupt,
                        "an event's stored plan is damaged: check the disk, and restore a backup");
        out.first_delivery = static_cast<std::int64_t>(*first);
    }
    TRY(out.destination_nos, unpack_numbers(packed));
    return out;
}

Result<std::optional<EventPlan>> load_plan(sql::Connection& db, std::int64_t event_seq) {
    const auto read = [](const sql::Statement& s) { return unpack_plan(s.blob(0)); };
    TRY(auto found, sql::one(db, plan_read, read, event_seq));
    if (!found) return std::nullopt;
    TRY(auto plan, std::move(*found));
    return plan;
}

}  // namespace blotter::store
