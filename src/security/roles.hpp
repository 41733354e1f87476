#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace blotter::security {

/// Stored; never renumber.
enum class Role : std::uint8_t { owner = 1, admin = 2, member = 3, viewer = 4, auditor = 5 };

/// "owner" and so on.
std::string_view to_text(Role role);
Result<Role> parse_role(std::string_view text);
std::span<const Role> all_roles();

/// One thing that a route can ask for, from the table in permissions.def. Stored by text only.
enum class Permission : std::uint8_t {
#define X(name, text, owner, admin, member, viewer, auditor) name,
#include "security/permissions.def"
#undef X
};

inline constexpr std::size_t permission_count = 0
#define X(name, text, owner, admin, member, viewer, auditor) +1
#include "security/permissions.def"
#undef X
    ;

/// "destinations:write": the public name, also the name of the scope.
std::string_view to_text(Permission permission);
Result<Permission> parse_permission(std::string_view text);

/// A set of permissions. A value; empty by default: nothing is allowed that nobody allowed.
class PermissionSet {
  public:
    constexpr PermissionSet() = default;
    constexpr PermissionSet(std::initializer_list<Permission> permissions) {
        for (const Permission p : permissions) add(p);
    }
    static constexpr PermissionSet all() {
        PermissionSet out;
        out.bits_ = (std::uint64_t{1} << permission_count) - 1;
        return out;
    }

    constexpr void add(Permission p) { bits_ |= bit(p); }
    constexpr bool has(Permission p) const { return (bits_ & bit(p)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool contains(PermissionSet other) const { return (other.bits_ & ~bits_) == 0; }
    constexpr PermissionSet operator&(PermissionSet other) const {
        PermissionSet out;
        out.bits_ = bits_ & other.bits_;
        return out;
    }
    constexpr bool operator==(const PermissionSet&) const = default;

  private:
    static constexpr std::uint64_t bit(Permission p) {
        return std::uint64_t{1} << static_cast<std::uint8_t>(p);
    }
    static_assert(permission_count < 64);
    std::uint64_t bits_ = 0;
};

/// What the role may do when nothing narrows it. A number that is no role may do nothing.
PermissionSet permissions_of(Role role);

/// What narrows a key below its role. Scopes never add anything: they are permissions to keep.
/// A key without scopes keeps all of its role (`PermissionSet::all()`).
Result<PermissionSet> parse_scopes(std::span<const std::string_view> texts);
/// In the order of the table.
std::vector<std::string_view> scope_texts(PermissionSet scopes);

/// The role's permissions, narrowed by the scopes.
PermissionSet effective(Role role, PermissionSet scopes);

/// The one question of every route.
bool allows(Role role, PermissionSet scopes, Permission permission);

/// May somebody with these effective permissions create or change a key or user with that role and
/// those scopes? Only if that gives away nothing that they do not have themselves.
bool may_grant(PermissionSet granter, Role role, PermissionSet scopes);

}  // namespace blotter::security
