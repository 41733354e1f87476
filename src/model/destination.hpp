#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "model/event_types.hpp"

namespace blotter {

/// Stored; never renumber.
enum class DestinationState : std::uint8_t { enabled = 1, paused = 2, disabled = 3 };
std::string_view to_text(DestinationState state);
std::optional<DestinationState> parse_destination_state(std::string_view text);

/// The body's shape. `standard` is ours; `flat` is the shape of the older vocabulary.
enum class BodyFormat : std::uint8_t { standard = 1, flat = 2 };
std::string_view to_text(BodyFormat format);
std::optional<BodyFormat> parse_body_format(std::string_view text);

/// The extra signature header that some receivers know: a hex HMAC-SHA256 of the raw body, or
/// "t=…,v1=…" over "t.body".
enum class CompatibilityScheme : std::uint8_t { none = 0, hex_body = 1, timestamped = 2 };
std::string_view to_text(CompatibilityScheme scheme);
std::optional<CompatibilityScheme> parse_compatibility_scheme(std::string_view text);

enum class OrderPolicy : std::uint8_t { none = 0, per_envelope = 1 };

/// A filter may be as long as the expression language reads (`expression::Limits`).
inline constexpr std::size_t filter_bytes_max = 8'192;

/// What a destination says itself of how fast it is served. What it leaves empty is as
/// DeliveryDefaults has it.
struct DestinationLimits {
    std::optional<std::uint32_t> concurrency;
    std::optional<std::uint32_t> rate_per_second;  ///< 0: no limit
    std::optional<std::uint32_t> rate_burst;       ///< 0: equal to the rate
    std::optional<Duration> timeout;
    std::vector<Duration> schedule;  ///< offsets from the first attempt; empty: the default
    OrderPolicy order = OrderPolicy::none;
    bool operator==(const DestinationLimits&) const = default;
};

/// What counts for a destination that says nothing itself: the settings of the section delivery.
struct DeliveryDefaults {
    std::uint32_t concurrency = 10;
    std::uint32_t rate_per_second = 0;  ///< 0: no limit
    Duration timeout{30'000};
    std::vector<Duration> schedule{
        std::chrono::minutes{0},    std::chrono::minutes{5},    std::chrono::minutes{35},
        std::chrono::minutes{155},  std::chrono::minutes{1595}, std::chrono::minutes{3035},
        std::chrono::minutes{4320},
    };
    bool operator==(const DeliveryDefaults&) const = default;
};

/// What is in force for a destination: its own figures, and the defaults for the others.
struct LimitsInForce {
    std::uint32_t concurrency = 10;
    std::uint32_t rate_per_second = 0;  ///< 0: no limit
    std::uint32_t rate_burst = 0;       ///< equal to the rate when it has no own figure
    Duration timeout{30'000};
    std::vector<Duration> schedule;  ///< offsets from the first attempt
    OrderPolicy order = OrderPolicy::none;
    bool operator==(const LimitsInForce&) const = default;
};
LimitsInForce in_force(const DestinationLimits& own, const DeliveryDefaults& defaults);
json::Value to_json(const LimitsInForce& limits);

/// The settings of kind `webhook`. Holds no secret.
struct WebhookSettings {
    std::string url;
    BodyFormat format = BodyFormat::standard;
    bool aliases = false;  ///< event names of the other vocabulary
    CompatibilityScheme compatibility = CompatibilityScheme::none;
    std::string compatibility_header;
    std::vector<std::pair<std::string, std::string>> headers;
    std::uint8_t tls_min = 13;  ///< 12 is an explicit, ledgered choice
    std::string ca_pem;
    bool operator==(const WebhookSettings&) const = default;
};

/// What is done about a message of which nobody knows whether it arrived.
enum class AmbiguityPolicy : std::uint8_t {
    hold = 0,         ///< a person decides
    resend_once = 1,  ///< it is sent once more, and may be there twice
};
std::string_view to_text(AmbiguityPolicy policy);
std::optional<AmbiguityPolicy> parse_ambiguity_policy(std::string_view text);

/// The languages in which messages for people are written.
enum class Language : std::uint8_t { english = 1, french = 2 };
std::string_view to_text(Language language);
std::optional<Language> parse_language(std::string_view text);

/// The settings of kind `slack`: one channel of a connected workspace. Holds no secret.
struct SlackSettings {
    SlackConnectionId connection;
    std::string channel;       ///< Slack's id, for example "C024BE91L"
    std::string channel_name;  ///< as it was when it was chosen, for people
    Language language = Language::english;
    bool threads = false;  ///< one thread per envelope
    AmbiguityPolicy on_ambiguous = AmbiguityPolicy::hold;
    std::string digest_to;  ///< channel or member that gets the daily digest; empty: nobody
    std::string digest_at;  ///< "07:30", UTC
    bool operator==(const SlackSettings&) const = default;
};

/// Where events go. A value; the store keeps it, the directory compiles it.
struct Destination {
    DestinationId id;
    std::int64_t no = 0;
    std::int64_t workspace_no = 0;
    std::optional<std::int64_t> entity_no;  ///< empty: the whole workspace
    std::string kind = "webhook";
    std::string name;
    DestinationState state = DestinationState::enabled;
    std::string state_reason;
    EventTypes types;
    std::string filter;  ///< an expression; empty: everything
    DestinationLimits limits;
    WebhookSettings webhook;  ///< of kind `webhook`
    SlackSettings slack;      ///< of kind `slack`
    Timestamp created_at;
    Timestamp updated_at;
    std::int64_t version = 0;
    bool operator==(const Destination&) const = default;
};

/// The `config` column and the API's shape, by `kind`. `from_json` checks form and ranges (Errc::
/// invalid_argument with a pointer), not addresses or filters.
json::Value config_to_json(const Destination& destination);
Result<> config_from_json(const json::Value& config, Destination& into);

}  // namespace blotter
