#include "documents/resolution.hpp"

#include <gtest/gtest.h>

namespace blotter::documents {
namespace {

constexpr std::int64_t entity_no = 7;

ResolutionInput input(bool custom, WebhookFacts own, WebhookFacts workspace) {
    return {{custom, std::move(own)}, std::move(workspace), entity_no, "Example France"};
}

TEST(Resolution, follows_the_table) {
    const WebhookFacts none;
    const WebhookFacts on{true, "https://a.example/hook"};
    const WebhookFacts off{false, "https://a.example/hook"};
    const WebhookFacts no_url{true, ""};
    const struct {
        const char* what;
        ResolutionInput input;
        std::optional<WebhookScope> scope;
        const char* reason;
    } cases[] = {
        {"nothing is configured", input(false, none, none), {}, "no webhook is configured"},
        {"the workspace's", input(false, none, on), workspace_scope, ""},
        {"the workspace's is off", input(false, none, off), {}, "is not enabled"},
        {"the workspace's has no URL", input(false, none, no_url), {}, "no webhook is configured"},
        {"the entity's own", input(true, on, on), entity_no, ""},
        {"the entity's own, without one of the workspace", input(true, on, none), entity_no, ""},
        {"own without URL", input(true, no_url, on), {}, "\"Example France\""},
        {"own without URL, not enabled", input(true, none, on), {}, "no URL is set"},
        {"own not enabled", input(true, off, on), {}, "\"Example France\""},
        {"own at rest", input(false, on, on), workspace_scope, ""},
        {"own at rest, nothing else", input(false, on, none), {}, "no webhook is configured"},
    };
    for (const auto& item : cases) {
        const auto route = resolve(item.input);
        ASSERT_EQ(route.has_value(), item.scope.has_value()) << item.what;
        if (route) {
            EXPECT_EQ(route->scope, *item.scope) << item.what;
            EXPECT_EQ(route->kind, "webhook") << item.what;
        } else {
            EXPECT_EQ(route.error().code, Errc::conflict) << item.what;
            EXPECT_TRUE(route.error().detail.contains(item.reason)) << route.error().detail;
        }
    }
}

TEST(Resolution, never_falls_back_once_the_entity_has_its_own) {
    for (const bool own_enabled : {false, true})
        for (const char* own_url : {"", "https://own.example"})
            for (const bool enabled : {false, true})
                for (const char* url : {"", "https://all.example"}) {
                    const auto route = resolve(input(true, {own_enabled, own_url}, {enabled, url}));
                    if (route) EXPECT_EQ(route->scope, entity_no);
                }
}

}  // namespace
}  // namespace blotter::documents
