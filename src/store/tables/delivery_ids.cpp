#include "store/tables/delivery_ids.hpp"

namespace blotter::store {
namespace {

/// Bytes 8 to 15 of a UUID without the two bits of its variant.
constexpr int mixed_bits = 62;
constexpr std::uint64_t mask = (std::uint64_t{1} << mixed_bits) - 1;

/// Odd, so that multiplying by it is undone by its inverse; its bits are spread, so that the
/// deliveries of events whose ids a client counted up do not meet.
constexpr std::uint64_t factor = 0x1e37'79b9'7f4a'7c15;

constexpr std::uint64_t inverse_of(std::uint64_t odd) {
    // Newton's iteration modulo a power of two: each step doubles the number of right bits, and an
    // odd number is its own inverse modulo 8.
    std::uint64_t x = odd;
    for (int bits = 3; bits < 64; bits *= 2) x *= 2 - odd * x;
    return x;
}
constexpr std::uint64_t inverse = inverse_of(factor);
static_assert(factor * inverse == 1);

std::uint64_t low_half(const Uuid& id) {
    std::uint64_t out = 0;
    for (std::size_t i = 8; i < id.size(); ++i) out = out << 8 | id[i];
    return out;
}

void set_low_half(Uuid& id, std::uint64_t value) {
    for (std::size_t i = id.size(); i-- > 8; value >>= 8)
        id[i] = static_cast<std::uint8_t>(value & 0xff);
}

}  // namespace

DeliveryId planned_delivery_id(const EventId& event, std::int64_t destination_no) {
    DeliveryId out{event.value};
    const std::uint64_t mixed = static_cast<std::uint64_t>(destination_no) * factor & mask;
    set_low_half(out.value, low_half(event.value) ^ mixed);
    return out;
}

std::optional<std::int64_t> destination_in(const DeliveryId& id, const EventId& event) {
    const std::uint64_t mixed = low_half(id.value) ^ low_half(event.value);
    if (mixed > mask) return std::nullopt;
    const auto no = static_cast<std::int64_t>(mixed * inverse & mask);
    if (planned_delivery_id(event, no) != id) return std::nullopt;
    return no;
}

EventIdRange events_of(const DeliveryId& id) {
    EventIdRange out{{id.value}, {id.value}};
    set_low_half(out.first.value, 0);
    set_low_half(out.last.value, ~std::uint64_t{0});
    return out;
}

}  // namespace blotter::store
