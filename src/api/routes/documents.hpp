#pragma once

#include <vector>

#include "api/route.hpp"

namespace blotter::api {

/// The rows of document_actions.cpp: what changes a document's state, and its file.
std::vector<Route> document_action_routes();
std::vector<Component> document_action_components();

}  // namespace blotter::api
