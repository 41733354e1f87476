#include "security/roles.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr PermissionSet everything = PermissionSet::all();

TEST(Roles, owner_may_do_everything_and_an_unknown_role_nothing) {
    EXPECT_EQ(permissions_of(Role::owner), everything);
    EXPECT_TRUE(permissions_of(static_cast<Role>(0)).empty());
    EXPECT_TRUE(permissions_of(static_cast<Role>(6)).empty());
    EXPECT_FALSE(allows(static_cast<Role>(99), everything, Permission::ledger_read));
}

TEST(Roles, keep_what_only_an_owner_may_do_from_everybody_else) {
    for (const Permission p : {Permission::ledger_fork, Permission::erasure_approve,
                               Permission::encryption_manage, Permission::workspace_manage}) {
        for (const Role role : all_roles())
            EXPECT_EQ(allows(role, everything, p), role == Role::owner)
                << to_text(role) << " " << to_text(p);
    }
}

TEST(Roles, let_an_auditor_read_the_ledger_and_nothing_else) {
    EXPECT_EQ(permissions_of(Role::auditor), PermissionSet{Permission::ledger_read});
}

TEST(Roles, let_a_viewer_change_nothing_and_see_no_payload) {
    for (const std::string_view text : scope_texts(permissions_of(Role::viewer)))
        EXPECT_TRUE(text.ends_with(":read")) << text;
    EXPECT_FALSE(allows(Role::viewer, everything, Permission::payload_read));
    EXPECT_FALSE(allows(Role::viewer, everything, Permission::audit_read));
    EXPECT_TRUE(allows(Role::viewer, everything, Permission::exports_read));
}

TEST(Roles, give_a_member_the_daily_work_only) {
    for (const Permission p :
         {Permission::events_write, Permission::envelopes_write, Permission::payload_read,
          Permission::replay_own, Permission::mappings_write})
        EXPECT_TRUE(allows(Role::member, everything, p)) << to_text(p);
    for (const Permission p :
         {Permission::destinations_write, Permission::secrets_write, Permission::replay_all,
          Permission::keys_manage, Permission::settings_write, Permission::quarantine_release})
        EXPECT_FALSE(allows(Role::member, everything, p)) << to_text(p);
}

TEST(Roles, grow_from_viewer_to_owner) {
    EXPECT_TRUE(permissions_of(Role::owner).contains(permissions_of(Role::admin)));
    EXPECT_TRUE(permissions_of(Role::admin).contains(permissions_of(Role::member)));
    EXPECT_TRUE(permissions_of(Role::member).contains(permissions_of(Role::viewer)));
    EXPECT_TRUE(permissions_of(Role::viewer).contains(permissions_of(Role::auditor)));
    EXPECT_FALSE(permissions_of(Role::viewer).contains(permissions_of(Role::member)));
}

TEST(Roles, are_read_by_their_names) {
    for (const Role role : all_roles()) EXPECT_EQ(parse_role(to_text(role)), role);
    for (const std::string_view text : {"", "Owner", "root", "owner "})
        EXPECT_FALSE(parse_role(text));
}

TEST(Scopes, only_ever_narrow) {
    const PermissionSet scopes{Permission::events_write, Permission::ledger_fork};
    EXPECT_TRUE(allows(Role::member, scopes, Permission::events_write));
    EXPECT_FALSE(allows(Role::member, scopes, Permission::events_read)) << "not among the scopes";
    EXPECT_FALSE(allows(Role::member, scopes, Permission::ledger_fork)) << "not in the role";
    for (const Role role : all_roles())
        EXPECT_TRUE(permissions_of(role).contains(effective(role, scopes)));
    EXPECT_FALSE(allows(Role::owner, {}, Permission::ledger_read));
}

TEST(Scopes, have_one_public_name_each) {
    std::set<std::string_view> texts;
    for (const std::string_view text : scope_texts(everything)) {
        EXPECT_TRUE(texts.insert(text).second) << text;
        EXPECT_EQ(to_text(*parse_permission(text)), text);
    }
    EXPECT_EQ(texts.size(), permission_count);
}

TEST(Scopes, are_read_from_a_list_that_names_at_least_one) {
    const std::string_view good[] = {"events:write", "events:read", "events:read"};
    const auto scopes = parse_scopes(good);
    ASSERT_TRUE(scopes);
    EXPECT_THAT(scope_texts(*scopes), ElementsAre("events:read", "events:write"));
    EXPECT_FALSE(parse_scopes({}));
    for (const std::string_view text : {"", "*", "events:*", "EVENTS:READ", "events:read "}) {
        const std::string_view list[] = {"events:read", text};
        const auto result = parse_scopes(list);
        ASSERT_FALSE(result) << text;
        EXPECT_THAT(result.error().detail, HasSubstr("ledger:read")) << "lists what there is";
    }
    const std::vector<std::string_view> many(permission_count + 1, "events:read");
    EXPECT_FALSE(parse_scopes(many));
}

TEST(Grants, never_give_away_more_than_the_granter_has) {
    const PermissionSet owner = permissions_of(Role::owner);
    const PermissionSet admin = permissions_of(Role::admin);
    EXPECT_TRUE(may_grant(owner, Role::owner, everything));
    EXPECT_FALSE(may_grant(admin, Role::owner, everything));
    EXPECT_TRUE(may_grant(admin, Role::admin, everything));
    EXPECT_TRUE(may_grant(admin, Role::auditor, everything));
    const PermissionSet narrow{Permission::keys_manage, Permission::events_read};
    EXPECT_FALSE(may_grant(effective(Role::admin, narrow), Role::viewer, everything));
    EXPECT_TRUE(may_grant(effective(Role::admin, narrow), Role::viewer, {Permission::events_read}));
    EXPECT_TRUE(may_grant(admin, Role::owner, {Permission::events_read}))
        << "an owner's key that can only read events is no more than that";
}

}  // namespace
}  // namespace blotter::security
