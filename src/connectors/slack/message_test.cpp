// Messages as Slack gets them, compared with golden/*.json; what users write stays harmless.
#include "connectors/slack/message.hpp"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connectors/slack/text.hpp"
#include "connectors/slack/wording.hpp"

namespace blotter::connectors::slack {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

json::Value parsed(std::string_view text) {
    return json::parse(text).value();
}

EventFacts facts_of(EventType type, std::string_view title = "Contrat fournisseur") {
    EventFacts event;
    event.type = type;
    event.seq = 7;
    event.envelope_no = 3;
    event.data = parsed(
        R"({"envelope":{"id":"env_1"},"document":{"number":"INV-42"},"reason":"the amount is wrong",)"
        R"("recipient":{"name":"Camille Martin","email":"c@supplier.example","role":"signer"},)"
        R"("recipients":[{"name":"Camille Martin","role":"signer","status":"signed"},)"
        R"({"name":"Noor Haddad","role":"signer","status":"viewed"},)"
        R"({"name":"Archive","role":"copy","status":"created"}],)"
        R"("missing_recipients":[{"name":"Noor Haddad","role":"signer"}],)"
        R"("files":{"signed_pdf":{"file_id":"file_01J9ZC3M4N8Q5RSTVWXYZ01234"},)"
        R"("audit_trail":{"url":"https://files.example/proof.pdf"}}})");
    if (group_of(type) == EventGroup::document)
        event.data.as_object()->erase("envelope");
    else
        event.data.as_object()->find("envelope")->as_object()->append("title", title);
    return event;
}

const Links& links() {
    static const Links links{.url = [](const FileId&) { return "https://b.example/l/token"; },
                             .expires_at = {}};
    return links;
}

RenderOptions options_in(Language language) {
    return {.language = language,
            .buttons = Buttons::buttons,
            .envelope_url = "https://sign.example/envelopes/{id}",
            .button_value = "slm_example"};
}

std::string file_text(const std::string& path) {
    std::ifstream file{path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

json::Value view_of(const Message& message) {
    return json::Object{{"text", message.text}, {"attachments", message.attachments}};
}

using Look = std::tuple<Language, Buttons>;

class Golden : public ::testing::TestWithParam<Look> {
  protected:
    RenderOptions options() const {
        RenderOptions out = options_in(std::get<Language>(GetParam()));
        out.buttons = std::get<Buttons>(GetParam());
        return out;
    }
    std::string name() const {
        const bool with_links = std::get<Buttons>(GetParam()) == Buttons::links;
        return std::string{blotter::to_text(options().language)} +
               (with_links ? "-links.json" : ".json");
    }
};

TEST_P(Golden, every_event_looks_as_it_was_approved) {
    json::Object all;
    for (const EventType type : all_event_types())
        all.append(std::string{blotter::to_text(type)},
                   view_of(render(facts_of(type), links(), options())));
    const TypeCounts counts{{EventType::envelope_sent, 40}, {EventType::recipient_signed, 2}};
    all.append("summary", view_of(render_summary(counts, options().language)));
    all.append("digest", view_of(render_digest(counts, 3, options().language)));
    const std::string made = json::to_pretty_text(all) + "\n";
    const std::string out = BLOTTER_BINARY_DIR "/slack_messages_" + name();
    if (made != file_text(BLOTTER_SOURCE_DIR "/src/connectors/slack/golden/" + name())) {
        std::ofstream{out} << made;
        FAIL() << "not as in golden/" << name() << "; what was made is in " << out;
    }
}
INSTANTIATE_TEST_SUITE_P(Looks, Golden,
                         ::testing::Combine(::testing::Values(Language::english, Language::french),
                                            ::testing::Values(Buttons::buttons, Buttons::links)));

/// An event in which everything that comes from outside is as long as it can be.
EventFacts endless(EventType type, const std::string& word) {
    std::string text;
    for (int i = 0; i < 5'000; ++i) text += word;
    EventFacts event;
    event.type = type;
    event.seq = 7;
    event.envelope_no = 3;
    json::Array people;
    for (int i = 0; i < 300; ++i)
        people.push_back(json::Object{{"name", text}, {"role", "signer"}, {"status", "declined"}});
    const json::Object file{{"url", "https://files.example/" + std::string(2'900, 'x')}};
    event.data =
        json::Object{{"envelope", json::Object{{"id", text.substr(0, 500)}, {"title", text}}},
                     {"document", json::Object{{"number", text}}},
                     {"reason", text},
                     {"recipient", json::Object{{"name", text}}},
                     {"recipients", people},
                     {"missing_recipients", people},
                     {"files", json::Object{{"signed_pdf", file}, {"audit_trail", file}}}};
    return event;
}

/// What is too long for Block Kit; nothing when all is well.
std::string too_long(const json::Value& value) {
    if (const json::Array* list = value.as_array()) {
        for (const json::Value& one : *list)
            if (std::string found = too_long(one); !found.empty()) return found;
        return "";
    }
    if (value.as_object() == nullptr) return "";
    const auto points = [&](std::string_view pointer) {
        const json::Value* found = value.at_pointer(pointer);
        return found == nullptr || found->as_string() == nullptr ? std::size_t{0}
                                                                 : code_points(*found->as_string());
    };
    const json::Value* type = value.find("type");
    const std::string kind = type == nullptr ? "" : *type->as_string();
    if (kind == "section" && points("/text/text") > 3'000) return "section";
    if (kind == "button" && (points("/text/text") > 75 || points("/url") > 3'000 ||
                             points("/value") > 2'000 || points("/action_id") > 255))
        return "button";
    if (kind == "text" && points("/text") == 0) return "empty text";
    for (const char* name : {"blocks", "elements"})
        if (const json::Value* inner = value.find(name))
            if (std::string found = too_long(*inner); !found.empty()) return found;
    return "";
}

TEST(SlackMessage, is_within_every_limit_whatever_an_event_says) {
    for (const std::string word : {"x", "&", "<", "\"", "é", "🖋", "\u202E", "a b"})
        for (const EventType type : all_event_types())
            for (const Buttons buttons : {Buttons::buttons, Buttons::links}) {
                RenderOptions options = options_in(Language::french);
                options.buttons = buttons;
                const Message message = render(endless(type, word), links(), options);
                const std::string at = std::string{blotter::to_text(type)} + " " + word;
                EXPECT_LE(code_points(message.text), 4'000U) << at;
                const json::Value* blocks = message.attachments.at_pointer("/0/blocks");
                EXPECT_EQ(too_long(*blocks), "") << at;
                EXPECT_LE(code_points(json::to_text(*blocks)), 13'200U) << at;
            }
}

std::string sentence_of(const Message& message) {
    std::string out;
    const json::Value* elements = message.attachments.at_pointer("/0/blocks/0/elements/0/elements");
    for (const json::Value& element : *elements->as_array())
        out += *element.find("text")->as_string();
    return out;
}

TEST(SlackMessage, words_of_users_cannot_mention_link_or_format) {
    EventFacts event =
        facts_of(EventType::envelope_declined, "<!channel> & <https://evil.example|x>");
    event.data.as_object()->set("reason", "<@U0ADMIN>\nline");
    const Message message = render(event, links(), options_in(Language::english));
    EXPECT_THAT(message.text, Not(HasSubstr("<!")));
    EXPECT_THAT(message.text, Not(HasSubstr("<@")));
    EXPECT_THAT(message.text, HasSubstr("&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;"));
    EXPECT_THAT(message.text, HasSubstr("&lt;@U0ADMIN&gt; line"));
    EXPECT_THAT(sentence_of(message), HasSubstr("<!channel>")) << "rich text is not parsed";
}

TEST(SlackMessage, long_words_are_cut_before_they_are_escaped) {
    EventFacts event = facts_of(EventType::envelope_declined, std::string(5'000, '&'));
    event.data.as_object()->set("reason", std::string(20'000, '<'));
    const Message message = render(event, links(), options_in(Language::french));
    EXPECT_LE(code_points(message.text), 4'000U);
    EXPECT_THAT(message.text, HasSubstr("&amp;…")) << "no entity is cut in two";
    EXPECT_LE(json::to_text(message.attachments).size(), 13'200U);
}

TEST(SlackMessage, many_signers_are_named_up_to_ten) {
    EventFacts event = facts_of(EventType::envelope_sent);
    json::Array people;
    for (int i = 0; i < 1'000; ++i)
        people.push_back(json::Object{{"name", std::string(100, 'x')}, {"role", "signer"}});
    event.data.as_object()->set("recipients", std::move(people));
    const Message message = render(event, links(), options_in(Language::english));
    EXPECT_THAT(message.text, HasSubstr("and 990 more"));
    EXPECT_LE(code_points(message.text), 3'500U);
}

TEST(SlackMessage, one_is_not_counted_like_many) {
    EventFacts event = facts_of(EventType::envelope_sent);
    json::Array people;
    for (int i = 0; i < 11; ++i) people.push_back(json::Object{{"name", "Ana"}});
    event.data.as_object()->set("recipients", std::move(people));
    EXPECT_THAT(render(event, links(), options_in(Language::english)).text,
                HasSubstr("Ana and 1 more"));
    EXPECT_THAT(render(event, links(), options_in(Language::french)).text,
                HasSubstr("Ana et 1 autre"));
    const auto of = [](std::int64_t count) {
        return TypeCounts{{EventType::envelope_sent, count}};
    };
    EXPECT_THAT(render_digest(of(1), 0, Language::english).text, HasSubstr(" 1 event. "));
    EXPECT_THAT(render_digest(of(2), 0, Language::english).text, HasSubstr(" 2 events. "));
    EXPECT_THAT(render_summary(of(1), Language::english).text, HasSubstr("1 message that came"));
    EXPECT_THAT(render_summary(of(2), Language::english).text, HasSubstr("2 messages came"));
}

TEST(SlackMessage, what_an_event_does_not_say_is_not_invented) {
    EventFacts event;
    event.type = EventType::recipient_signed;
    event.data = json::Object{};
    EXPECT_EQ(sentence_of(render(event, links(), options_in(Language::english))),
              "✍️ a signer just signed document without a title");
    event.type = EventType::envelope_sent;
    EXPECT_EQ(sentence_of(render(event, links(), options_in(Language::english))),
              "📤 Document without a title sent to its signers");
}

TEST(SlackMessage, links_stand_in_the_text_where_no_interaction_is_taken) {
    RenderOptions options = options_in(Language::english);
    options.buttons = Buttons::links;
    const Message message = render(facts_of(EventType::envelope_completed), links(), options);
    const std::string all = json::to_text(message.attachments);
    EXPECT_THAT(all, Not(HasSubstr("\"actions\"")));
    EXPECT_THAT(all, HasSubstr("<https://files.example/proof.pdf|Evidence PDF> · "
                               "<https://b.example/l/token|Signed PDF>"));
    const Message expired = render(facts_of(EventType::envelope_expired), links(), options);
    const std::string offer = json::to_text(expired.attachments);
    EXPECT_THAT(offer, HasSubstr("<https://sign.example/envelopes/env_1|"
                                 "Open the envelope and send it again>"));
    EXPECT_THAT(offer, Not(HasSubstr("Send again")));
}

TEST(SlackMessage, an_envelope_cannot_lead_its_link_elsewhere) {
    EventFacts event = facts_of(EventType::envelope_declined);
    event.data.as_object()->find("envelope")->as_object()->set("id", "../x?a=b#c|d>e f");
    const Message message = render(event, links(), options_in(Language::english));
    EXPECT_THAT(json::to_text(message.attachments),
                HasSubstr("https://sign.example/envelopes/..%2Fx%3Fa%3Db%23c%7Cd%3Ee%20f"));
    RenderOptions nowhere = options_in(Language::english);
    nowhere.envelope_url.clear();
    EXPECT_THAT(json::to_text(render(event, links(), nowhere).attachments),
                Not(HasSubstr("open_envelope")));
}

TEST(SlackText, addresses_cannot_end_their_link) {
    EXPECT_EQ(link("https://a.example/x y|z>", "a|b>\nc"), "<https://a.example/x%20y%7Cz%3E|abc>");
    EXPECT_EQ(cut("añb", 2), "a…");
    EXPECT_EQ(cut("añb", 3), "añb");
    EXPECT_EQ(cut("a\tb\n", 9), "a b ");
    EXPECT_EQ(cut("", 5), "");
    EXPECT_EQ(cut("a\u2028b\u0085c\u200D", 9), "a b c\u200D");
    EXPECT_EQ(cut("\u202Efdp.exe\u2066", 9), "fdp.exe") << "no name turns the direction";
    EXPECT_EQ(cut_to_escape("a&b", 7), "a&b");
    EXPECT_EQ(cut_to_escape("a&b", 6), "a…");
    EXPECT_EQ(cut_to_escape("&&", 5), "…");
    EXPECT_EQ(code_points("é✅"), 2U);
}

}  // namespace
}  // namespace blotter::connectors::slack
