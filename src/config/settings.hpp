#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "config/types.hpp"

namespace blotter::config {

/// Every setting, typed and checked: `settings.delivery.timeout` is a Duration. Made by `load`,
/// read-only afterwards, readable from any thread. Its members are the rows of settings.def.
struct Settings {
#define SECTION(name, title) struct name##_section {
#define SETTING(section, key, kind, ...) TypeOf<Kind::kind>::type key{};
#define END_SECTION(name) \
    }                     \
    name;
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
};

/// threads.loops, with auto resolved: one less than the processors, at most 16; 2 on two.
std::uint64_t loops_for(const Settings& settings, unsigned hardware_threads);
/// listen.public_url without a slash at the end, or the address built from listen.address.
std::string public_url_for(const Settings& settings);
/// keys.file, or master.key inside data.directory.
std::filesystem::path key_file_for(const Settings& settings);

}  // namespace blotter::config
