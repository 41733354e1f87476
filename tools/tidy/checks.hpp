#pragma once

#include <vector>

#include "tidy/tree.hpp"

namespace blotter::tidy {

/// Lengths, columns, banned calls, comments, #pragma once, Markdown titles, forbidden words.
std::vector<Finding> check_texts(const std::vector<File>& files);
/// Length of functions; co_await inside a condition.
std::vector<Finding> check_functions(const std::vector<File>& files);
/// Layers and includes, heavy headers, dead headers, READMEs of rooms.
std::vector<Finding> check_structure(const std::vector<File>& files);

/// Everything, sorted by path and line.
std::vector<Finding> check_all(const std::vector<File>& files);

}  // namespace blotter::tidy
