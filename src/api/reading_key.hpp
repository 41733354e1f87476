#pragma once

#include <string_view>

#include "api/route.hpp"

/// For routes that are open because more than one kind of key opens them.
namespace blotter::api {

/// The bearer token of a request; empty when there is none.
std::string_view bearer_of(const http::Request& request);

/// Whether the token is an API key that may read payloads of this workspace.
bool is_reading_key(const Call& call, std::string_view bearer, std::int64_t workspace_no);

}  // namespace blotter::api
