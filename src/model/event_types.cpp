#include "model/event_types.hpp"

#include <array>

namespace blotter {
namespace {

struct Row {
    EventType type;
    std::string_view text;
    EventGroup group;
    std::string_view alias;
};

constexpr std::array rows{
#define X(code, name, text, group, alias) Row{EventType::name, text, EventGroup::group, alias},
#include "model/event_types.def"
#undef X
};

constexpr auto types = [] {
    std::array<EventType, rows.size()> out{};
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = rows[i].type;
    return out;
}();

// Code to row, so that the hot path does not search.
constexpr std::uint8_t no_row = 255;
constexpr auto by_code = [] {
    std::array<std::uint8_t, 128> out{};
    out.fill(no_row);
    for (std::size_t i = 0; i < rows.size(); ++i)
        out[static_cast<std::size_t>(rows[i].type)] = static_cast<std::uint8_t>(i);
    return out;
}();

const Row& row_of(EventType type) {
    return rows[by_code[static_cast<std::size_t>(type)]];
}

}  // namespace

std::string_view to_text(EventType type) {
    return row_of(type).text;
}

std::string_view alias_of(EventType type) {
    const Row& row = row_of(type);
    return row.alias.empty() ? row.text : row.alias;
}

EventGroup group_of(EventType type) {
    return row_of(type).group;
}

std::optional<EventType> parse_event_type(std::string_view text) {
    if (text.empty()) return std::nullopt;
    for (const Row& row : rows)
        if (row.text == text || row.alias == text) return row.type;
    return std::nullopt;
}

std::optional<EventType> event_type_from_code(std::int64_t code) {
    if (code < 0 || code >= static_cast<std::int64_t>(by_code.size())) return std::nullopt;
    if (by_code[static_cast<std::size_t>(code)] == no_row) return std::nullopt;
    return static_cast<EventType>(code);
}

std::span<const EventType> all_event_types() {
    return types;
}

EventTypes EventTypes::all() {
    EventTypes out;
    for (const EventType type : types) out.add(type);
    return out;
}

void EventTypes::add(EventType type) {
    const auto code = static_cast<unsigned>(type);
    (code < 64 ? low_ : high_) |= std::uint64_t{1} << code % 64;
}

bool EventTypes::contains(EventType type) const {
    const auto code = static_cast<unsigned>(type);
    return ((code < 64 ? low_ : high_) >> code % 64 & 1) != 0;
}

}  // namespace blotter
