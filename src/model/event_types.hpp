#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace blotter {

/// The canonical kinds of events, from event_types.def. The numbers are stored.
enum class EventType : std::uint8_t {
#define X(code, name, text, group, alias) name = code,
#include "model/event_types.def"
#undef X
};

enum class EventGroup : std::uint8_t { envelope, recipient, evidence, document, source };

/// "envelope.completed".
std::string_view to_text(EventType type);
/// The other vocabulary's name, or the canonical one where there is no other.
std::string_view alias_of(EventType type);
EventGroup group_of(EventType type);
/// Takes canonical names and aliases.
std::optional<EventType> parse_event_type(std::string_view text);
std::optional<EventType> event_type_from_code(std::int64_t code);
/// All of them, in order of code.
std::span<const EventType> all_event_types();

/// A set of event types, one bit each.
class EventTypes {
  public:
    static EventTypes all();
    void add(EventType type);
    bool contains(EventType type) const;
    bool empty() const { return low_ == 0 && high_ == 0; }
    bool operator==(const EventTypes&) const = default;

  private:
    std::uint64_t low_ = 0;
    std::uint64_t high_ = 0;
};

}  // namespace blotter
