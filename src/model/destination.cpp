#include "model/destination.hpp"

#include <algorithm>

#include "base/json_reader.hpp"
#include "model/parse_one_of.hpp"

namespace blotter {

std::string_view to_text(DestinationState state) {
    switch (state) {
        case DestinationState::enabled:
            return "enabled";
        case DestinationState::paused:
            return "paused";
        case DestinationState::disabled:
            return "disabled";
    }
    return "unknown";
}

std::optional<DestinationState> parse_destination_state(std::string_view text) {
    using enum DestinationState;
    return parse_one_of(text, {enabled, paused, disabled});
}

std::string_view to_text(BodyFormat format) {
    return format == BodyFormat::flat ? "flat" : "standard";
}

std::optional<BodyFormat> parse_body_format(std::string_view text) {
    return parse_one_of(text, {BodyFormat::standard, BodyFormat::flat});
}

std::string_view to_text(CompatibilityScheme scheme) {
    switch (scheme) {
        case CompatibilityScheme::none:
            return "none";
        case CompatibilityScheme::hex_body:
            return "hex_body";
        case CompatibilityScheme::timestamped:
            return "timestamped";
    }
    return "none";
}

std::optional<CompatibilityScheme> parse_compatibility_scheme(std::string_view text) {
    using enum CompatibilityScheme;
    return parse_one_of(text, {none, hex_body, timestamped});
}

std::string_view to_text(AmbiguityPolicy policy) {
    return policy == AmbiguityPolicy::hold ? "hold" : "resend_once";
}

std::optional<AmbiguityPolicy> parse_ambiguity_policy(std::string_view text) {
    return parse_one_of(text, {AmbiguityPolicy::hold, AmbiguityPolicy::resend_once});
}

std::string_view to_text(Language language) {
    return language == Language::french ? "fr" : "en";
}

std::optional<Language> parse_language(std::string_view text) {
    return parse_one_of(text, {Language::english, Language::french});
}

namespace {

json::Array schedule_to_json(const std::vector<Duration>& offsets) {
    json::Array out;
    for (const Duration offset : offsets) out.emplace_back(to_text(offset));
    return out;
}

std::string_view order_to_text(OrderPolicy order) {
    return order == OrderPolicy::per_envelope ? "per_envelope" : "none";
}

json::Value number_or_null(std::optional<std::uint32_t> number) {
    return number ? json::Value{static_cast<std::int64_t>(*number)} : json::Value{};
}

json::Value headers_to_json(const WebhookSettings& webhook) {
    json::Object out;
    for (const auto& [name, value] : webhook.headers) out.append(name, value);
    return out;
}

void headers_from_json(json::ObjectReader& in, WebhookSettings& into) {
    const json::Value& headers = in.object("headers");
    if (headers.is_null()) return;
    for (const json::Member& member : *headers.as_object()) {
        const std::string* value = member.value.as_string();
        if (value == nullptr) return in.refuse("headers", "every header value must be a string");
        into.headers.emplace_back(member.name, *value);
    }
}

void types_from_json(json::ObjectReader& in, Destination& into) {
    into.types = {};
    for (const std::string& name : in.texts("event_types", 128, 64)) {
        if (name == "*") {
            into.types = EventTypes::all();
        } else if (const auto type = parse_event_type(name)) {
            into.types.add(*type);
        } else {
            in.refuse("event_types",
                      "'" + name + "' is no event type; GET /v1/event-types has the list");
        }
    }
    if (into.types.empty())
        in.refuse("event_types", "at least one event type is needed, or \"*\" for all of them");
}

void limits_from_json(json::ObjectReader& in, DestinationLimits& limits) {
    limits = {};
    if (in.has("concurrency"))
        limits.concurrency = static_cast<std::uint32_t>(in.integer_or("concurrency", 1, 1'000, 1));
    if (in.has("rate_per_second"))
        limits.rate_per_second =
            static_cast<std::uint32_t>(in.integer_or("rate_per_second", 0, 100'000, 0));
    if (in.has("rate_burst"))
        limits.rate_burst = static_cast<std::uint32_t>(in.integer_or("rate_burst", 0, 100'000, 0));
    if (in.has("timeout_ms"))
        limits.timeout = Duration{in.integer_or("timeout_ms", 1'000, 30'000, 30'000)};
    for (const std::string& offset : in.texts("schedule", 20, 32)) {
        const auto parsed = parse_duration(offset);
        if (parsed)
            limits.schedule.push_back(*parsed);
        else
            in.refuse("schedule", parsed.error().detail);
    }
    const std::string order = in.text_or("order", 32, "none");
    if (order != "none" && order != "per_envelope")
        in.refuse("order", "'order' is \"none\" or \"per_envelope\"");
    limits.order = order == "per_envelope" ? OrderPolicy::per_envelope : OrderPolicy::none;
}

}  // namespace

LimitsInForce in_force(const DestinationLimits& own, const DeliveryDefaults& defaults) {
    LimitsInForce out;
    out.concurrency = own.concurrency.value_or(defaults.concurrency);
    out.rate_per_second = own.rate_per_second.value_or(defaults.rate_per_second);
    const std::uint32_t burst = own.rate_burst.value_or(0);
    out.rate_burst = burst != 0 ? burst : out.rate_per_second;
    out.timeout = own.timeout.value_or(defaults.timeout);
    out.schedule = own.schedule.empty() ? defaults.schedule : own.schedule;
    out.order = own.order;
    return out;
}

json::Value to_json(const LimitsInForce& limits) {
    json::Object out;
    out.append("concurrency", static_cast<std::int64_t>(limits.concurrency));
    out.append("rate_per_second", static_cast<std::int64_t>(limits.rate_per_second));
    out.append("rate_burst", static_cast<std::int64_t>(limits.rate_burst));
    out.append("timeout_ms", static_cast<std::int64_t>(limits.timeout.count()));
    out.append("schedule", schedule_to_json(limits.schedule));
    out.append("order", order_to_text(limits.order));
    return out;
}

namespace {

void append_common(json::Object& out, const Destination& d) {
    json::Array types;
    for (const EventType type : all_event_types())
        if (d.types.contains(type)) types.emplace_back(to_text(type));
    out.append("event_types", d.types == EventTypes::all() ? json::Array{json::Value{"*"}} : types);
    out.append("filter", d.filter);
}

json::Value slack_to_json(const Destination& d) {
    json::Object out;
    append_common(out, d);
    const SlackSettings& s = d.slack;
    out.append("connection_id", s.connection.text());
    out.append("channel", s.channel);
    out.append("channel_name", s.channel_name);
    out.append("language", to_text(s.language));
    out.append("threads", s.threads);
    out.append("on_ambiguous", to_text(s.on_ambiguous));
    out.append("burst", static_cast<std::int64_t>(d.limits.rate_burst.value_or(3)));
    out.append("schedule", schedule_to_json(d.limits.schedule));
    out.append("digest_to", s.digest_to);
    out.append("digest_at", s.digest_at);
    return out;
}

/// "07:30"
bool is_time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    return text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4) &&
           text.substr(0, 2) < "24" && text[3] < '6';
}

/// An id as Slack gives them: letters and digits.
bool is_slack_id(std::string_view text, std::string_view kinds) {
    const auto plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
    return text.size() >= 2 && text.size() <= 32 && kinds.contains(text.front()) &&
           std::ranges::all_of(text, plain);
}

/// What Slack allows in one channel, and retries that fit a chat: nobody wants yesterday's news.
void slack_limits(json::ObjectReader& in, DestinationLimits& limits) {
    limits = {};
    limits.concurrency = 1;
    limits.rate_per_second = 1;
    limits.rate_burst = static_cast<std::uint32_t>(in.integer_or("burst", 1, 5, 3));
    limits.timeout = Duration{15'000};
    for (const std::string& offset : in.texts("schedule", 20, 32)) {
        const auto parsed = parse_duration(offset);
        if (parsed)
            limits.schedule.push_back(*parsed);
        else
            in.refuse("schedule", parsed.error().detail);
    }
    using std::chrono::hours;
    using std::chrono::minutes;
    using std::chrono::seconds;
    if (limits.schedule.empty())
        limits.schedule = {seconds{0},  seconds{5}, seconds{30}, minutes{2}, minutes{10},
                           minutes{30}, hours{2},   hours{6},    hours{24}};
}

void slack_from_json(json::ObjectReader& in, Destination& into) {
    slack_limits(in, into.limits);
    SlackSettings& s = into.slack;
    s = {};
    if (const auto id = SlackConnectionId::parse(in.text("connection_id", 64)))
        s.connection = *id;
    else
        in.refuse("connection_id",
                  "'connection_id' is the id of a connected Slack workspace; "
                  "GET /v1/slack/connections has the list");
    s.channel = in.text("channel", 64);
    if (!is_slack_id(s.channel, "CG"))
        in.refuse("channel",
                  "'channel' is the id of a channel, for example C024BE91L; "
                  "GET /v1/slack/connections/{id}/channels has the list");
    s.channel_name = in.text_or("channel_name", 320, "");
    s.language = in.choice_or("language", parse_language, Language::english);
    s.threads = in.boolean_or("threads", false);
    s.on_ambiguous = in.choice_or("on_ambiguous", parse_ambiguity_policy, AmbiguityPolicy::hold);
    s.digest_to = in.text_or("digest_to", 64, "");
    if (!s.digest_to.empty() && !is_slack_id(s.digest_to, "CGUW"))
        in.refuse("digest_to", "'digest_to' is the id of a channel or of a member");
    s.digest_at = in.text_or("digest_at", 8, "");
    if (!s.digest_to.empty() && s.digest_at.empty()) s.digest_at = "07:30";
    if (!s.digest_at.empty() && !is_time_of_day(s.digest_at))
        in.refuse("digest_at", "'digest_at' is a time of day in UTC, for example \"07:30\"");
}

}  // namespace

json::Value config_to_json(const Destination& d) {
    if (d.kind == "slack") return slack_to_json(d);
    json::Object out;
    append_common(out, d);
    out.append("concurrency", number_or_null(d.limits.concurrency));
    out.append("rate_per_second", number_or_null(d.limits.rate_per_second));
    out.append("rate_burst", number_or_null(d.limits.rate_burst));
    out.append("timeout_ms",
               d.limits.timeout ? json::Value{d.limits.timeout->count()} : json::Value{});
    out.append("schedule", schedule_to_json(d.limits.schedule));
    out.append("order", order_to_text(d.limits.order));
    const WebhookSettings& w = d.webhook;
    out.append("url", w.url);
    out.append("format", to_text(w.format));
    out.append("aliases", w.aliases);
    out.append("compatibility_scheme", to_text(w.compatibility));
    out.append("compatibility_header", w.compatibility_header);
    out.append("headers", headers_to_json(w));
    out.append("tls_min", w.tls_min == 12 ? "1.2" : "1.3");
    out.append("ca_pem", w.ca_pem);
    return out;
}

Result<> config_from_json(const json::Value& config, Destination& into) {
    json::ObjectReader in{config};
    types_from_json(in, into);
    into.filter = in.text_or("filter", filter_bytes_max, "");
    if (into.kind == "slack") {
        slack_from_json(in, into);
        return in.finish();
    }
    limits_from_json(in, into.limits);
    WebhookSettings& w = into.webhook;
    w = {};
    w.url = in.text("url", 2'048);
    w.format = in.choice_or("format", parse_body_format, BodyFormat::standard);
    w.aliases = in.boolean_or("aliases", false);
    w.compatibility =
        in.choice_or("compatibility_scheme", parse_compatibility_scheme, CompatibilityScheme::none);
    w.compatibility_header = in.text_or("compatibility_header", 64, "");
    if (w.compatibility != CompatibilityScheme::none && w.compatibility_header.empty())
        in.refuse("compatibility_header", "a compatibility scheme needs the name of its header");
    headers_from_json(in, w);
    const std::string tls = in.text_or("tls_min", 8, "1.3");
    if (tls != "1.2" && tls != "1.3") in.refuse("tls_min", "'tls_min' is \"1.3\" or \"1.2\"");
    w.tls_min = tls == "1.2" ? 12 : 13;
    w.ca_pem = in.text_or("ca_pem", 65'536, "");
    return in.finish();
}

}  // namespace blotter
