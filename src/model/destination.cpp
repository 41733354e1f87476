#include "model/destination.hpp"

#include "base/json_reader.hpp"

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
    if (text == "enabled") return DestinationState::enabled;
    if (text == "paused") return DestinationState::paused;
    if (text == "disabled") return DestinationState::disabled;
    return std::nullopt;
}

std::string_view to_text(BodyFormat format) {
    return format == BodyFormat::flat ? "flat" : "standard";
}

std::optional<BodyFormat> parse_body_format(std::string_view text) {
    if (text == "standard") return BodyFormat::standard;
    if (text == "flat") return BodyFormat::flat;
    return std::nullopt;
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
    if (text == "none") return CompatibilityScheme::none;
    if (text == "hex_body") return CompatibilityScheme::hex_body;
    if (text == "timestamped") return CompatibilityScheme::timestamped;
    return std::nullopt;
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

json::Value config_to_json(const Destination& d) {
    json::Array types;
    for (const EventType type : all_event_types())
        if (d.types.contains(type)) types.emplace_back(to_text(type));
    json::Object out;
    out.append("event_types", d.types == EventTypes::all() ? json::Array{json::Value{"*"}} : types);
    out.append("filter", d.filter);
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
