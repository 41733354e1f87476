#include "security/secret.hpp"

#include <utility>

#include <openssl/crypto.h>

namespace blotter::security {

void wipe(void* data, std::size_t size) noexcept {
    if (size != 0) OPENSSL_cleanse(data, size);
}

Secret Secret::copy_of(ByteView bytes) {
    Secret secret;
    secret.bytes_.assign(bytes.begin(), bytes.end());
    return secret;
}

Secret Secret::take(Bytes&& bytes) {
    Secret secret;
    secret.bytes_ = std::move(bytes);
    bytes.clear();
    return secret;
}

Secret Secret::take(std::string&& text) {
    Secret secret = copy_of(text);
    security::wipe(text.data(), text.size());
    text.clear();
    return secret;
}

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe();
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
    return *this;
}

Secret::~Secret() {
    wipe();
}

// The whole capacity: bytes past the size may be left from a longer content.
void Secret::wipe() noexcept {
    bytes_.resize(bytes_.capacity());
    security::wipe(bytes_.data(), bytes_.size());
    bytes_.clear();
}

}  // namespace blotter::security
