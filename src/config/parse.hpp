#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/table.hpp"

namespace blotter::config {

/// Reads the text of a setting as its row says. Pure. The failure's detail says what is wrong and
/// what is allowed, without the place and, for a secret, without the text.
Result<> parse_value(const Row& row, std::string_view text, std::string& out);
Result<> parse_value(const Row& row, std::string_view text, std::filesystem::path& out);
Result<> parse_value(const Row& row, std::string_view text, HostPort& out);
Result<> parse_value(const Row& row, std::string_view text, std::optional<HostPort>& out);
Result<> parse_value(const Row& row, std::string_view text, std::uint64_t& out);
Result<> parse_value(const Row& row, std::string_view text, std::optional<std::uint64_t>& out);
Result<> parse_value(const Row& row, std::string_view text, Duration& out);
Result<> parse_value(const Row& row, std::string_view text, std::vector<Duration>& out);
Result<> parse_value(const Row& row, std::string_view text, bool& out);
Result<> parse_value(const Row& row, std::string_view text, std::vector<std::string>& out);
Result<> parse_value(const Row& row, std::string_view text, std::vector<HostPort>& out);
Result<> parse_value(const Row& row, std::string_view text, LogLevel& out);
Result<> parse_value(const Row& row, std::string_view text, LogFormat& out);
Result<> parse_value(const Row& row, std::string_view text, SecretText& out);

}  // namespace blotter::config
