#include "server/environment.hpp"

#include <unistd.h>

namespace blotter::server {

Result<config::Configuration> load_configuration(const std::string& config_file,
                                                 const std::vector<std::string>& flags) {
    config::Sources sources;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        if (const auto at = text.find('='); at != std::string_view::npos)
            sources.environment.emplace(text.substr(0, at), text.substr(at + 1));
    }
    std::string file = config_file;
    if (const auto named = sources.environment.find("BLOTTER_CONFIG");
        file.empty() && named != sources.environment.end())
        file = named->second;
    if (!file.empty()) {
        TRY(sources.file, config::read_settings_file(file));
    }
    sources.flags = flags;
    return config::load(sources);
}

}  // namespace blotter::server
