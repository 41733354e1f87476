#include "api/metadata_schemas.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

routing::Directory with_schema(const routing::Directory& before, std::int64_t no,
                               const char* text) {
    routing::WorkspaceFacts workspace;
    workspace.no = no;
    workspace.id.value[15] = static_cast<std::uint8_t>(no);
    if (text != nullptr)
        workspace.settings = json::Object{{"metadata_schema", json::parse(text).value()}};
    return before.with(std::move(workspace));
}

routing::DirectoryPtr shared(routing::Directory directory) {
    return std::make_shared<const routing::Directory>(std::move(directory));
}

bool accepts(const MetadataSchemas::CheckPtr& check, const char* text) {
    return check->check(json::parse(text).value()).has_value();
}

TEST(MetadataSchemas, are_compiled_once_and_again_only_when_they_change) {
    MetadataSchemas schemas;
    const auto first = shared(with_schema({}, 1, R"({"required":["a"]})"));
    const auto check = schemas.find(first, 1).value();
    ASSERT_NE(check, nullptr);
    EXPECT_FALSE(accepts(check, "{}"));
    EXPECT_EQ(schemas.find(first, 1).value(), check);
    // Another workspace changed: the same schema stays compiled.
    const auto second = shared(with_schema(*first, 2, R"({"required":["b"]})"));
    EXPECT_EQ(schemas.find(second, 1).value(), check);
    EXPECT_TRUE(accepts(schemas.find(second, 2).value(), R"({"b":1})"));
    const auto third = shared(with_schema(*second, 1, R"({"required":["c"]})"));
    const auto changed = schemas.find(third, 1).value();
    EXPECT_NE(changed, check);
    EXPECT_TRUE(accepts(changed, R"({"c":1})"));
    EXPECT_FALSE(accepts(changed, R"({"a":1})"));
    const auto fourth = shared(with_schema(*third, 1, nullptr));
    EXPECT_EQ(schemas.find(fourth, 1).value(), nullptr);
}

TEST(MetadataSchemas, workspaces_that_keep_the_one_they_began_with_share_it) {
    MetadataSchemas schemas;
    const std::string text = json::to_text(default_metadata_schema());
    const auto directory = shared(with_schema(with_schema({}, 1, text.c_str()), 2, text.c_str()));
    const auto check = schemas.find(directory, 1).value();
    ASSERT_NE(check, nullptr);
    EXPECT_EQ(schemas.find(directory, 2).value(), check);
    for (const char* good : {"{}", R"({"montant_ht":0})", R"({"montant_ht":12500.10,"x":null})"})
        EXPECT_TRUE(accepts(check, good)) << good;
    for (const char* bad : {R"({"montant_ht":null})", R"({"montant_ht":-0.01})",
                            R"({"montant_ht":"12500"})", R"([])"})
        EXPECT_FALSE(accepts(check, bad)) << bad;
}

TEST(MetadataSchemas, a_workspace_without_one_or_an_unknown_one_has_none) {
    MetadataSchemas schemas;
    const auto directory = shared(with_schema({}, 1, nullptr));
    EXPECT_EQ(schemas.find(directory, 1).value(), nullptr);
    EXPECT_EQ(schemas.find(directory, 9).value(), nullptr);
}

TEST(MetadataSchemas, a_schema_that_cannot_be_compiled_is_an_error_each_time) {
    MetadataSchemas schemas;
    const auto directory = shared(with_schema({}, 1, R"({"type":"nonsense"})"));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(schemas.find(directory, 1).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace blotter::api
