#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"
#include "config/table.hpp"

namespace blotter::config {

/// A settings file: its name for messages, and its text.
struct FileSource {
    std::string name;
    std::string text;
};

/// Where settings come from; a later source beats an earlier one: default, file, environment,
/// flags.
struct Sources {
    std::optional<FileSource> file;
    /// The whole process environment; only BLOTTER_* is looked at.
    std::map<std::string, std::string> environment;
    /// "--listen.address=0.0.0.0:8427"; a toggle may stand alone: "--development.enabled".
    std::vector<std::string> flags;
};

enum class Origin : std::uint8_t { by_default, file, environment, flag };

/// The text of one setting and where it came from.
struct Given {
    std::string text;
    Origin origin = Origin::by_default;
    std::string place;  ///< "blotter.toml:12:3", "BLOTTER_LOG_LEVEL", "--log.level" or empty
};

/// Checked settings and their origins. Immutable and movable; readable from any thread.
class Configuration {
  public:
    const Settings& settings() const { return settings_; }
    /// Things that look wrong but stop nothing, such as an unknown BLOTTER_ variable. One line
    /// each, without values.
    const std::vector<std::string>& warnings() const { return warnings_; }
    /// Null when there is no such setting.
    const Given* given(std::string_view name) const;
    /// Every setting with its effective value, origin, default and help, for `config explain`.
    /// A secret shows as "set" or "unset".
    std::string explain() const;

  private:
    friend Result<Configuration> load(const Sources& sources);
    Settings settings_;
    std::vector<Given> given_;  ///< in the order of rows()
    std::vector<std::string> warnings_;
};

/// Reads and checks everything. The failure's detail has one line per problem (at most 20), each
/// with its file, line and column (or variable, or flag), the setting, what is wrong and what is
/// allowed; it never shows a secret. Pure.
Result<Configuration> load(const Sources& sources);

/// Reads a settings file of at most 1 MiB.
Result<FileSource> read_settings_file(const std::filesystem::path& path);

/// docs/SETTINGS.md.
std::string to_markdown();
/// packaging/blotter.toml: every setting, commented out, with its default.
std::string to_example_file();

}  // namespace blotter::config
