#include "api/event_request.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace blotter::api {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp now = from_ms(1'779'805'920'000);  // 2026-05-26T14:32:00Z
constexpr const char* event_id = "evt_01J9ZC3M4N8Q5RSTVWXYZ01234";

EntityId entity() {
    EntityId id;
    id.value[15] = 7;
    return id;
}

EventRules rules(const char* schema = nullptr) {
    EventRules out;
    out.workspace_no = 1;
    out.now = now;
    routing::WorkspaceFacts workspace;
    workspace.no = 1;
    out.directory = std::make_shared<const routing::Directory>(
        routing::Directory{}
            .with(std::move(workspace))
            .with(routing::EntityFacts{3, entity(), 1, "LYON", "Lyon SAS"}));
    if (schema != nullptr)
        out.metadata = std::make_shared<const intake::SchemaCheck>(
            intake::SchemaCheck::compile(json::parse(schema).value()).value());
    return out;
}

Result<PostedEvent> read(const std::string& text, const EventRules& by = rules()) {
    json::Value body = json::parse(text).value();
    return read_event(body, by);
}

const std::string data = R"("data":{"envelope":{"id":"e"}})";

TEST(EventRequest, takes_what_it_says) {
    const auto event =
        read(R"({"type":"signer.signed","timestamp":"2026-05-26T10:00:00+02:00",)"
             R"("entity_id":")" +
             entity().text() + R"(","data":{"envelope":{"id":"e"},"recipient":{"name":"A"}}})");
    ASSERT_TRUE(event) << describe(event.error());
    EXPECT_EQ(event->draft.type, EventType::recipient_signed);
    EXPECT_EQ(to_rfc3339(event->draft.occurred_at), "2026-05-26T08:00:00.000Z");
    EXPECT_EQ(event->draft.entity_nos, std::vector<std::int64_t>{3});
    EXPECT_EQ(*event->draft.data.at_pointer("/recipient/name")->as_string(), "A");
    EXPECT_FALSE(event->draft.id);
    EXPECT_FALSE(event->suspicion);
    EXPECT_TRUE(event->text.empty());
}

TEST(EventRequest, without_a_time_happened_now_and_never_far_in_the_future) {
    EXPECT_EQ(read(R"({"type":"envelope.sent",)" + data + "}")->draft.occurred_at, now);
    const auto at = [](Duration ahead) {
        return read(R"({"type":"envelope.sent","timestamp":")" + to_rfc3339(now + ahead) + "\"," +
                    data + "}");
    };
    EXPECT_EQ(at(5min)->draft.occurred_at, now + 5min);
    EXPECT_EQ(at(5min + 1ms).error().pointer, "/timestamp");
    EXPECT_EQ(at(-24h * 365)->draft.occurred_at, now - 24h * 365);
}

TEST(EventRequest, names_the_place_of_what_is_wrong) {
    struct Row {
        std::string text;
        const char* pointer;
    };
    const Row rows[] = {
        {"[]", ""},
        {"null", ""},
        {R"({"type":"no.such.event",)" + data + "}", "/type"},
        {R"({"type":7,)" + data + "}", "/type"},
        {R"({)" + data + "}", "/type"},
        {R"({"type":"envelope.sent"})", "/data"},
        {R"({"type":"envelope.sent","data":null})", "/data"},
        {R"({"type":"envelope.sent","data":[]})", "/data"},
        {R"({"type":"envelope.sent","id":"",)" + data + "}", "/id"},
        {R"({"type":"envelope.sent","id":"evt_1.2",)" + data + "}", "/id"},
        {R"({"type":"envelope.sent","id":7,)" + data + "}", "/id"},
        {R"({"type":"envelope.sent","id":"env_01J9ZC3M4N8Q5RSTVWXYZ01234",)" + data + "}", "/id"},
        {R"({"type":"envelope.sent","entity_id":"LYON",)" + data + "}", "/entity_id"},
        {R"({"type":"envelope.sent","entity_id":"ent_00000000000000000000000000",)" + data + "}",
         "/entity_id"},
        {R"({"type":"envelope.sent","timestamp":"yesterday",)" + data + "}", "/timestamp"},
        {R"({"type":"envelope.sent","seq":1,)" + data + "}", "/seq"},
    };
    for (const Row& row : rows) {
        const auto event = read(row.text);
        ASSERT_FALSE(event) << row.text;
        EXPECT_EQ(event.error().code, Errc::invalid_argument) << row.text;
        EXPECT_EQ(event.error().pointer, row.pointer) << row.text;
    }
}

TEST(EventRequest, data_that_breaks_its_schema_is_suspicious_and_kept_whole) {
    const std::string text = R"({"type":"envelope.completed","data":{"envelope":{"id":"e"}}})";
    const auto event = read(text);
    ASSERT_TRUE(event);
    ASSERT_TRUE(event->suspicion);
    EXPECT_EQ(event->suspicion->code, Errc::quarantined);
    EXPECT_EQ(event->suspicion->pointer, "/data");
    EXPECT_EQ(event->text, text);
}

TEST(EventRequest, metadata_must_meet_the_schema_of_the_workspace_wherever_it_stands) {
    const EventRules by = rules(
        R"({"required":["montant_ht"],"properties":{"montant_ht":{"type":"number","minimum":0}}})");
    const auto place = [&](const std::string& type, const std::string& inside) {
        const auto event = read(R"({"type":")" + type + R"(","data":)" + inside + "}", by);
        if (!event) return "refused: " + describe(event.error());
        return event->suspicion ? event->suspicion->pointer : std::string{"accepted"};
    };
    const std::string good = R"({"montant_ht":12500.10})";
    EXPECT_EQ(place("envelope.sent", R"({"envelope":{"id":"e","metadata":)" + good + "}}"),
              "accepted");
    EXPECT_EQ(place("envelope.sent", R"({"envelope":{"id":"e"},"metadata":)" + good + "}"),
              "accepted");
    EXPECT_EQ(place("envelope.sent", R"({"envelope":{"id":"e","metadata":{"montant_ht":null}}})"),
              "/data/envelope/metadata/montant_ht");
    EXPECT_EQ(place("envelope.sent", R"({"envelope":{"id":"e"},"metadata":{"montant_ht":-1}})"),
              "/data/metadata/montant_ht");
    EXPECT_EQ(place("envelope.sent", R"({"envelope":{"id":"e"}})"), "/data/envelope/metadata");
    EXPECT_EQ(place("source.unknown", "{}"), "accepted");
    EXPECT_EQ(place("source.unknown", R"({"metadata":{"montant_ht":-1}})"),
              "/data/metadata/montant_ht");
}

TEST(EventRequest, the_same_event_has_the_same_hash_however_it_is_spaced) {
    const std::string id = R"("id":")" + std::string{event_id} + R"(",)";
    const auto tight = read(R"({"type":"envelope.sent",)" + id + data + "}");
    const auto wide = read("{ \"type\" :\n \"envelope.sent\", " + id + " " + data + " }");
    const auto other =
        read(R"({"type":"envelope.sent",)" + id + R"("data":{"envelope":{"id":"f"}}})");
    ASSERT_TRUE(tight && wide && other);
    ASSERT_TRUE(tight->hash);
    EXPECT_EQ(tight->draft.id->text(), event_id);
    EXPECT_EQ(tight->hash, wide->hash);
    EXPECT_NE(tight->hash, other->hash);
    // Nobody compares an event that has neither id nor key.
    EXPECT_FALSE(read(R"({"type":"envelope.sent",)" + data + "}")->hash);
    EventRules always = rules();
    always.hash = Hash::always;
    EXPECT_TRUE(read(R"({"type":"envelope.sent",)" + data + "}", always)->hash);
}

}  // namespace
}  // namespace blotter::api
