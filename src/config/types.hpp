#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace blotter::config {

/// What a setting's text is read as.
enum class Kind : std::uint8_t {
    text,
    url,               ///< http(s) address without path, query or credentials; may be empty
    path,              ///< may be empty
    address,           ///< IP address and port
    optional_address,  ///< the same, or empty
    count,
    auto_count,  ///< a count, or "auto"
    bytes,       ///< 512, 64KiB, 50MiB, 1GiB
    duration,    ///< 250ms, 30s, 26h35m
    schedule,    ///< durations that begin with 0s and grow
    toggle,      ///< true or false
    networks,    ///< list of CIDR networks
    addresses,   ///< list of IP addresses with ports
    log_level,
    log_format,
    secret,
};

/// An IP address (without brackets) and a port; 0 means "any free one".
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const HostPort&) const = default;
};
/// "127.0.0.1:8427" or "[::1]:8427".
std::string to_text(const HostPort& address);

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { json, text };

/// Text that must not be seen: it cannot be copied, printed or compared, and its memory is wiped.
class SecretText {
  public:
    SecretText() = default;
    explicit SecretText(std::string_view text) : bytes_(text.begin(), text.end()) {}
    SecretText(SecretText&&) noexcept = default;
    SecretText& operator=(SecretText&& other) noexcept;
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    ~SecretText();

    bool is_set() const { return !bytes_.empty(); }
    /// The text itself; valid while this object lives. For the code that builds the key only.
    std::string_view reveal() const { return {bytes_.data(), bytes_.size()}; }

  private:
    // A vector and not a string: a moved-from short string would keep a copy of its characters.
    std::vector<char> bytes_;
};

/// The C++ type that holds a setting of each kind.
template <Kind kind>
struct TypeOf;
template <>
struct TypeOf<Kind::text> {
    using type = std::string;
};
template <>
struct TypeOf<Kind::url> {
    using type = std::string;
};
template <>
struct TypeOf<Kind::path> {
    using type = std::filesystem::path;
};
template <>
struct TypeOf<Kind::address> {
    using type = HostPort;
};
template <>
struct TypeOf<Kind::optional_address> {
    using type = std::optional<HostPort>;
};
template <>
struct TypeOf<Kind::count> {
    using type = std::uint64_t;
};
template <>
struct TypeOf<Kind::auto_count> {
    using type = std::optional<std::uint64_t>;
};
template <>
struct TypeOf<Kind::bytes> {
    using type = std::uint64_t;
};
template <>
struct TypeOf<Kind::duration> {
    using type = Duration;
};
template <>
struct TypeOf<Kind::schedule> {
    using type = std::vector<Duration>;
};
template <>
struct TypeOf<Kind::toggle> {
    using type = bool;
};
template <>
struct TypeOf<Kind::networks> {
    using type = std::vector<std::string>;
};
template <>
struct TypeOf<Kind::addresses> {
    using type = std::vector<HostPort>;
};
template <>
struct TypeOf<Kind::log_level> {
    using type = LogLevel;
};
template <>
struct TypeOf<Kind::log_format> {
    using type = LogFormat;
};
template <>
struct TypeOf<Kind::secret> {
    using type = SecretText;
};

}  // namespace blotter::config
