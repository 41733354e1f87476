#pragma once

#include <string_view>

#include "model/destination.hpp"
#include "model/event_types.hpp"

/// The words of Slack messages, English and French. In a sentence {title}, {who}, {reason},
/// {list} and {count} stand for what the event says.
namespace blotter::connectors::slack {

struct Wording {
    EventType type;
    std::string_view icon;
    std::string_view colour;  ///< "#2eb67d"
    std::string_view english;
    std::string_view french;
    std::string_view in(Language language) const {
        return language == Language::french ? french : english;
    }
};
const Wording& wording_of(EventType type);

/// Small words around the sentences.
struct Phrases {
    std::string_view signed_pdf;
    std::string_view evidence_pdf;
    std::string_view open_envelope;
    std::string_view send_again;
    std::string_view somebody;
    std::string_view untitled;
    std::string_view nobody;
    std::string_view no_reason;
    std::string_view and_others;  ///< "{count} more"
    std::string_view progress;    ///< " ({done}/{total} signatures collected)"
    std::string_view sample;
    std::string_view summary;  ///< "{count} messages were folded into this summary"
    std::string_view digest;   ///< "Events of the last 24 hours: {count}"
    std::string_view alerts;   ///< "Open alerts: {count}"
};
const Phrases& phrases_in(Language language);

}  // namespace blotter::connectors::slack
