#include <gtest/gtest.h>

#include "model/destination.hpp"
#include "model/envelope.hpp"
#include "model/event_types.hpp"

namespace blotter {
namespace {

TEST(EventTypes, every_name_and_alias_leads_back_to_its_type) {
    for (const EventType type : all_event_types()) {
        EXPECT_EQ(parse_event_type(to_text(type)), type);
        EXPECT_EQ(parse_event_type(alias_of(type)), type);
        EXPECT_EQ(event_type_from_code(static_cast<int>(type)), type);
        EXPECT_TRUE(EventTypes::all().contains(type));
    }
    EXPECT_EQ(parse_event_type("signer.signed"), EventType::recipient_signed);
    EXPECT_EQ(alias_of(EventType::envelope_voided), "envelope.canceled");
    EXPECT_FALSE(parse_event_type(""));
    EXPECT_FALSE(parse_event_type("envelope.unheard_of"));
    EXPECT_FALSE(event_type_from_code(127));
    EXPECT_FALSE(event_type_from_code(-1));
}

TEST(EventTypes, a_set_holds_what_was_added) {
    EventTypes set;
    EXPECT_TRUE(set.empty());
    set.add(EventType::envelope_completed);
    set.add(EventType::source_unknown);
    EXPECT_TRUE(set.contains(EventType::source_unknown));
    EXPECT_FALSE(set.contains(EventType::envelope_declined));
}

TEST(Destination, its_config_goes_to_json_and_back) {
    Destination d;
    d.types.add(EventType::envelope_completed);
    d.filter = "true";
    d.limits.schedule = {Duration{0}, Duration{300'000}};
    d.limits.order = OrderPolicy::per_envelope;
    d.webhook.url = "https://erp.example/hook";
    d.webhook.format = BodyFormat::flat;
    d.webhook.aliases = true;
    d.webhook.compatibility = CompatibilityScheme::hex_body;
    d.webhook.compatibility_header = "X-Certyneo-Signature";
    d.webhook.headers = {{"X-Team", "finance"}};
    d.webhook.tls_min = 12;
    Destination read;
    const auto done = config_from_json(config_to_json(d), read);
    ASSERT_TRUE(done) << describe(done.error());
    EXPECT_EQ(read, d);
}

TEST(Destination, a_slack_channel_survives_its_json_form) {
    Destination d;
    d.kind = "slack";
    d.types.add(EventType::envelope_sent);
    d.slack.connection = SlackConnectionId::parse("slc_01J9ZC3M4N8Q5RSTVWXYZ01234").value();
    d.slack.channel = "C024BE91L";
    d.slack.channel_name = "signatures";
    d.slack.language = Language::french;
    d.slack.threads = true;
    d.slack.on_ambiguous = AmbiguityPolicy::resend_once;
    d.slack.digest_to = "U0BOSS";
    d.slack.digest_at = "18:05";
    d.limits.concurrency = 1;
    d.limits.rate_per_second = 1;
    d.limits.rate_burst = 5;
    d.limits.timeout = Duration{15'000};
    d.limits.schedule = {Duration{0}, Duration{5'000}};
    Destination read;
    read.kind = "slack";
    const auto done = config_from_json(config_to_json(d), read);
    ASSERT_TRUE(done) << describe(done.error());
    EXPECT_EQ(read, d);
}

TEST(Destination, refuses_what_is_no_slack_channel_with_the_place) {
    const std::string start =
        R"({"event_types":["*"],"connection_id":"slc_01J9ZC3M4N8Q5RSTVWXYZ01234",)";
    const std::pair<std::string, std::string> cases[] = {
        {R"({"event_types":["*"],"channel":"C1"})", "/connection_id"},
        {R"({"event_types":["*"],"connection_id":"made-up","channel":"C1"})", "/connection_id"},
        {start + R"("channel":"#sales"})", "/channel"},
        {start + R"("channel":"D0123"})", "/channel"},
        {start + R"("channel":"C1","burst":6})", "/burst"},
        {start + R"("channel":"C1","language":"de"})", "/language"},
        {start + R"("channel":"C1","on_ambiguous":"retry"})", "/on_ambiguous"},
        {start + R"("channel":"C1","digest_to":"boss"})", "/digest_to"},
        {start + R"("channel":"C1","digest_to":"U1","digest_at":"24:00"})", "/digest_at"},
        {start + R"("channel":"C1","url":"https://a.example/"})", "/url"},
    };
    for (const auto& [text, pointer] : cases) {
        Destination d;
        d.kind = "slack";
        const auto done = config_from_json(json::parse(text).value(), d);
        ASSERT_FALSE(done) << text;
        EXPECT_EQ(done.error().pointer, pointer) << text;
    }
}

TEST(Destination, what_it_does_not_say_stays_unsaid) {
    Destination d;
    const auto done = config_from_json(
        json::parse(R"({"url":"https://a.example/","event_types":["*"],"timeout_ms":null})")
            .value(),
        d);
    ASSERT_TRUE(done) << describe(done.error());
    EXPECT_EQ(d.limits, DestinationLimits{});
    EXPECT_TRUE(config_to_json(d).find("concurrency")->is_null());
    d.limits.rate_per_second = 0;
    Destination read;
    ASSERT_TRUE(config_from_json(config_to_json(d), read));
    EXPECT_EQ(read.limits.rate_per_second, 0U);
    EXPECT_FALSE(read.limits.concurrency);
}

TEST(Limits, in_force_are_a_destinations_own_and_the_defaults_for_the_rest) {
    DeliveryDefaults defaults;
    defaults.concurrency = 3;
    defaults.rate_per_second = 20;
    defaults.timeout = Duration{7'000};
    defaults.schedule = {Duration{0}, Duration{60'000}};
    EXPECT_EQ(in_force({}, defaults),
              (LimitsInForce{3, 20, 20, Duration{7'000}, defaults.schedule, OrderPolicy::none}));
    DestinationLimits own;
    own.concurrency = 5;
    own.rate_per_second = 0;
    own.rate_burst = 4;
    own.timeout = Duration{9'000};
    own.schedule = {Duration{0}};
    own.order = OrderPolicy::per_envelope;
    const LimitsInForce limits = in_force(own, defaults);
    EXPECT_EQ(limits,
              (LimitsInForce{5, 0, 4, Duration{9'000}, own.schedule, OrderPolicy::per_envelope}));
    EXPECT_EQ(json::to_text(to_json(limits)),
              R"({"concurrency":5,"rate_per_second":0,"rate_burst":4,"timeout_ms":9000,)"
              R"("schedule":["0s"],"order":"per_envelope"})");
}

TEST(Destination, what_is_wrong_in_a_config_is_named_with_its_place) {
    const auto pointer_of = [](std::string text) {
        Destination d;
        const auto done = config_from_json(json::parse(text).value(), d);
        return done ? std::string{"accepted"} : done.error().pointer;
    };
    const std::string base = R"("url":"https://a.example/","event_types":["*"])";
    EXPECT_EQ(pointer_of("{" + base + "}"), "accepted");
    EXPECT_EQ(pointer_of(R"({"event_types":["*"]})"), "/url");
    EXPECT_EQ(pointer_of(R"({"url":"https://a.example/"})"), "/event_types");
    EXPECT_EQ(pointer_of(R"({"url":"https://a.example/","event_types":["x.y"]})"), "/event_types");
    EXPECT_EQ(pointer_of("{" + base + R"(,"concurrency":0})"), "/concurrency");
    EXPECT_EQ(pointer_of("{" + base + R"(,"tls_min":"1.1"})"), "/tls_min");
    EXPECT_EQ(pointer_of("{" + base + R"(,"compatibility_scheme":"hex_body"})"),
              "/compatibility_header");
    EXPECT_EQ(pointer_of("{" + base + R"(,"filtre":"true"})"), "/filtre");
    EXPECT_EQ(pointer_of("{" + base + R"(,"headers":{"A":1}})"), "/headers");
}

TEST(Envelope, every_state_has_a_name_and_terminal_ones_are_known) {
    EXPECT_EQ(parse_envelope_state("in_progress"), EnvelopeState::in_progress);
    EXPECT_FALSE(parse_envelope_state("done"));
    EXPECT_TRUE(is_terminal(EnvelopeState::expired));
    EXPECT_FALSE(is_terminal(EnvelopeState::sealing));
}

}  // namespace
}  // namespace blotter
