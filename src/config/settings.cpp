#include "config/settings.hpp"

#include <algorithm>
#include <string.h>

#include <fmt/format.h>

namespace blotter::config {

SecretText::~SecretText() {
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
    // Swapped, so that the old text is wiped by the other's destructor.
    std::swap(bytes_, other.bytes_);
    return *this;
}

std::string to_text(const HostPort& address) {
    const bool v6 = address.host.contains(':');
    return v6 ? fmt::format("[{}]:{}", address.host, address.port)
              : fmt::format("{}:{}", address.host, address.port);
}

std::uint64_t loops_for(const Settings& settings, unsigned hardware_threads) {
    if (settings.threads.loops) return *settings.threads.loops;
    // With two, a loop for each does better than one for the store alone: it waits for the disk.
    if (hardware_threads <= 2) return std::max(hardware_threads, 1U);
    return std::min(hardware_threads, 17U) - 1;
}

std::string public_url_for(const Settings& settings) {
    std::string url = settings.listen.public_url;
    if (url.empty()) {
        const char* scheme = settings.listen.tls_certificate.empty() ? "http" : "https";
        return fmt::format("{}://{}", scheme, to_text(settings.listen.address));
    }
    if (url.ends_with('/')) url.pop_back();
    return url;
}

std::filesystem::path key_file_for(const Settings& settings) {
    if (!settings.keys.file.empty()) return settings.keys.file;
    return settings.data.directory / "master.key";
}

}  // namespace blotter::config
