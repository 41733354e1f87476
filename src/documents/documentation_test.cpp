// The schema and the example in docs/formats/documents.md are those that this code makes. When they
// are not, the page as it should be lies in the build folder.
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "documents/payload.hpp"

namespace blotter::documents {
namespace {

constexpr const char* page_path = BLOTTER_SOURCE_DIR "/docs/formats/documents.md";
constexpr const char* made_path = BLOTTER_BINARY_DIR "/documents.md";

std::string read_page() {
    std::ifstream file{page_path};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The page with another text in its fenced block "```json NAME"; empty when it has none.
std::string with_block(const std::string& page, const std::string& name, std::string_view text) {
    const std::string fence = "```json " + name + "\n";
    const std::size_t at = page.find(fence);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + fence.size();
    return page.substr(0, begin) + std::string{text} + page.substr(page.find("\n```", begin));
}

std::set<std::string> names_of(const json::Value& object) {
    std::set<std::string> out;
    for (const json::Member& member : *object.as_object()) out.insert(member.name);
    return out;
}

std::set<std::string> names_in(const json::Value& array) {
    std::set<std::string> out;
    for (const json::Value& item : *array.as_array()) out.insert(*item.as_string());
    return out;
}

TEST(DocumentPayload, is_as_documented) {
    const std::string page = read_page();
    const std::string example =
        json::to_pretty_text(make_payload(example_document(), example_context()));
    const std::string made =
        with_block(with_block(page, "payload", example), "schema", payload_schema());
    ASSERT_FALSE(made.empty()) << "a block is missing";
    std::ofstream{made_path} << made;
    EXPECT_EQ(page, made) << "as it should be: cp " << made_path << ' ' << page_path;
}

TEST(DocumentPayload, has_the_members_of_its_schema) {
    const json::Value payload = make_payload(example_document(), example_context());
    const json::Value schema = json::parse(payload_schema()).value();
    EXPECT_EQ(names_of(payload), names_of(*schema.find("properties")));
    EXPECT_EQ(names_of(payload), names_in(*schema.find("required")));
    const json::Value* line = schema.at_pointer("/properties/lines/items");
    ASSERT_NE(line, nullptr);
    EXPECT_EQ(names_of(*payload.at_pointer("/lines/0")), names_of(*line->find("properties")));
}

TEST(DocumentPayload, is_the_same_on_every_attempt) {
    Document document = example_document();
    const json::Value first = make_payload(document, example_context());
    document.state = DocumentState::sending;
    document.sending.attempts = 5;
    document.sending.reference = "INV-1";
    document.updated_at = from_ms(9'999'999);
    document.version = 12;
    EXPECT_EQ(make_payload(document, example_context()), first);
}

TEST(DocumentPayload, has_no_file_but_its_address) {
    Document document = example_document();
    const json::Value with = make_payload(document, example_context());
    EXPECT_EQ(*with.find("fileUrl")->as_string(),
              "https://blotter.example.com/v1/documents/" + document.id.text() + "/file");
    document.content.file.reset();
    EXPECT_TRUE(make_payload(document, example_context()).find("fileUrl")->is_null());
}

TEST(DocumentPayload, of_a_test_says_that_it_is_one) {
    const json::Value sample = make_sample_payload(example_context(), "test_1");
    EXPECT_EQ(*sample.find("test")->as_bool(), true);
    EXPECT_EQ(*sample.find("requestId")->as_string(), "test_1");
    EXPECT_EQ(names_of(sample), names_of(make_payload(example_document(), example_context())));
}

}  // namespace
}  // namespace blotter::documents
