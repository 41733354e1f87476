#include "security/roles.hpp"

#include <array>

namespace blotter::security {
namespace {

struct Row {
    Permission permission;
    std::string_view text;
    bool owner, admin, member, viewer, auditor;
};

constexpr Row table[] = {
#define X(name, text, owner, admin, member, viewer, auditor) \
    {Permission::name, text, owner, admin, member, viewer, auditor},
#include "security/permissions.def"
#undef X
};

constexpr PermissionSet column(bool Row::* member) {
    PermissionSet out;
    for (const Row& row : table)
        if (row.*member) out.add(row.permission);
    return out;
}

struct RoleRow {
    Role role;
    std::string_view text;
    PermissionSet permissions;
};

constexpr RoleRow roles[] = {
    {Role::owner, "owner", column(&Row::owner)},
    {Role::admin, "admin", column(&Row::admin)},
    {Role::member, "member", column(&Row::member)},
    {Role::viewer, "viewer", column(&Row::viewer)},
    {Role::auditor, "auditor", column(&Row::auditor)},
};

constexpr std::array role_list{Role::owner, Role::admin, Role::member, Role::viewer, Role::auditor};

}  // namespace

std::string_view to_text(Role role) {
    for (const RoleRow& row : roles)
        if (row.role == role) return row.text;
    return "none";
}

Result<Role> parse_role(std::string_view text) {
    for (const RoleRow& row : roles)
        if (row.text == text) return row.role;
    return fail(Errc::invalid_argument, "a role is owner, admin, member, viewer or auditor");
}

std::span<const Role> all_roles() {
    return role_list;
}

std::string_view to_text(Permission permission) {
    for (const Row& row : table)
        if (row.permission == permission) return row.text;
    return "none";
}

Result<Permission> parse_permission(std::string_view text) {
    for (const Row& row : table)
        if (row.text == text) return row.permission;
    std::string known;
    for (const Row& row : table) known += (known.empty() ? "" : ", ") + std::string{row.text};
    return fail(Errc::invalid_argument,
                "'" + std::string{text.substr(0, 64)} + "' is no scope; there are: " + known);
}

PermissionSet permissions_of(Role role) {
    for (const RoleRow& row : roles)
        if (row.role == role) return row.permissions;
    return {};
}

Result<PermissionSet> parse_scopes(std::span<const std::string_view> texts) {
    if (texts.empty())
        return fail(Errc::invalid_argument,
                    "an empty list of scopes would allow nothing; name at least one, or leave the "
                    "list out to keep all that the role allows");
    if (texts.size() > permission_count)
        return fail(Errc::invalid_argument,
                    "there are only " + std::to_string(permission_count) + " scopes");
    PermissionSet out;
    for (const std::string_view text : texts) {
        TRY(const Permission permission, parse_permission(text));
        out.add(permission);
    }
    return out;
}

std::vector<std::string_view> scope_texts(PermissionSet scopes) {
    std::vector<std::string_view> out;
    for (const Row& row : table)
        if (scopes.has(row.permission)) out.push_back(row.text);
    return out;
}

PermissionSet effective(Role role, PermissionSet scopes) {
    return permissions_of(role) & scopes;
}

bool allows(Role role, PermissionSet scopes, Permission permission) {
    return effective(role, scopes).has(permission);
}

bool may_grant(PermissionSet granter, Role role, PermissionSet scopes) {
    return granter.contains(effective(role, scopes));
}

}  // namespace blotter::security
