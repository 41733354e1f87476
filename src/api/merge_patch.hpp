#pragma once

#include "base/json.hpp"

namespace blotter::api {

/// JSON Merge Patch (RFC 7396): members of `patch` replace those of `target`, null removes one,
/// objects are merged member by member, everything else replaces the whole value.
json::Value merge_patch(json::Value target, const json::Value& patch);

}  // namespace blotter::api
