#pragma once

#include <string_view>

#include "model/destination.hpp"
#include "model/event_types.hpp"

/// The words of Slack messages, English and French: what wording.def says.
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
#define PHRASE(name, english, french) std::string_view name;
#include "connectors/slack/wording.def"
};
const Phrases& phrases_in(Language language);

}  // namespace blotter::connectors::slack
