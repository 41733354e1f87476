#pragma once

#include "api/route.hpp"

namespace blotter::api {

/// The address under which receivers fetch the files of an event: `GET /l/{token}`.
RouteGroup link_routes();

}  // namespace blotter::api
