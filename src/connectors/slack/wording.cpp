#include "connectors/slack/wording.hpp"

#include <algorithm>
#include <array>

#include "base/invariant.hpp"

namespace blotter::connectors::slack {
namespace {

constexpr std::string_view green = "#2eb67d";
constexpr std::string_view red = "#e01e5a";
constexpr std::string_view yellow = "#ecb22e";
constexpr std::string_view blue = "#36c5f0";
constexpr std::string_view grey = "#868686";

constexpr std::array wordings{
#define EVENT(type, icon, colour, english, french) \
    Wording{EventType::type, icon, colour, english, french},
#include "connectors/slack/wording.def"
};

constexpr Phrases english_phrases{
#define PHRASE(name, english, french) .name = english,
#include "connectors/slack/wording.def"
};

constexpr Phrases french_phrases{
#define PHRASE(name, english, french) .name = french,
#include "connectors/slack/wording.def"
};

}  // namespace

const Wording& wording_of(EventType type) {
    const auto* found = std::ranges::find(wordings, type, &Wording::type);
    INVARIANT(found != wordings.end());
    return *found;
}

const Phrases& phrases_in(Language language) {
    return language == Language::french ? french_phrases : english_phrases;
}

}  // namespace blotter::connectors::slack
