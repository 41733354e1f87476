#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "connectors/event_body.hpp"
#include "model/destination.hpp"

namespace blotter::connectors::slack {

/// Whether Slack may send interactions back: buttons, or links in the text.
enum class Buttons : std::uint8_t { links, buttons };

struct RenderOptions {
    Language language = Language::english;
    Buttons buttons = Buttons::links;
    std::string envelope_url;  ///< with {id}; empty: no link to the envelope
    std::string button_value;  ///< what a pressed button brings back: the message's opaque id
};

/// A message as chat.postMessage takes it, without channel and thread. User text is in elements
/// that Slack does not parse, or escaped; every length is within Block Kit's limits.
struct Message {
    std::string text;         ///< the fallback: notifications, and all there is if blocks fail
    json::Value attachments;  ///< one, for the colour; its blocks are the message
};

/// A function of its arguments alone.
Message render(const EventFacts& event, const Links& links, const RenderOptions& options);
/// How many of each type; `truncated` events are in no type's count.
using TypeCounts = std::vector<std::pair<EventType, std::int64_t>>;
Message render_summary(const TypeCounts& counts, Language language);
Message render_digest(const TypeCounts& counts, std::int64_t open_alerts, Language language);

/// The text alone.
Message plain_text(Message message);

}  // namespace blotter::connectors::slack
