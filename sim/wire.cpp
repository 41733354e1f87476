#include "wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace blotter::sim {
namespace {

std::size_t length_of(const Message& message) {
    const std::string text = message.field("content-length");
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

std::string Message::field(std::string_view name) const {
    std::string_view rest = head;
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(rest.size(), end == rest.npos ? rest.size() : end + 2));
        const std::size_t colon = line.find(':');
        if (colon == line.npos || colon != name.size()) continue;
        const bool same = std::ranges::equal(line.substr(0, colon), name, [](char a, char b) {
            return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
        });
        if (!same) continue;
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        return std::string{value};
    }
    return {};
}

int Message::status() const {
    int value = 0;
    if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, value);
    return value;
}

runtime::Task<std::optional<Message>> MessageReader::next(MonoTime deadline) {
    std::array<char, 8192> piece;
    for (;;) {
        const std::size_t end = buffer_.find("\r\n\r\n");
        if (end != buffer_.npos) {
            Message out;
            out.head = buffer_.substr(0, end + 4);
            const std::size_t length = length_of(out);
            if (buffer_.size() >= end + 4 + length) {
                out.body = buffer_.substr(end + 4, length);
                buffer_.erase(0, end + 4 + length);
                co_return out;
            }
        }
        const auto got = co_await stream_.read_some(piece, deadline);
        if (!got || *got == 0) co_return std::nullopt;
        buffer_.append(piece.data(), *got);
    }
}

std::string member(std::string_view json, std::string_view name) {
    const std::string quoted = "\"" + std::string{name} + "\":";
    const std::size_t found = json.find(quoted);
    if (found == json.npos) return {};
    std::string_view value = json.substr(found + quoted.size());
    if (value.starts_with('"')) {
        value.remove_prefix(1);
        return std::string{value.substr(0, value.find('"'))};
    }
    return std::string{value.substr(0, value.find_first_of(",}]"))};
}

std::string from_base64(std::string_view text) {
    std::string out(text.size() + 4, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    if (size < 0) return {};
    std::size_t length = static_cast<std::size_t>(size);
    while (length > 0 && text.ends_with('=')) {
        text.remove_suffix(1);
        --length;
    }
    out.resize(length);
    return out;
}

std::string hmac_base64(std::string_view secret_base64, std::string_view message) {
    const std::string key = from_base64(secret_base64);
    std::array<unsigned char, 32> mac{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(), &size);
    std::string out(48, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), mac.data(), 32);
    out.resize(static_cast<std::size_t>(length));
    return out;
}

std::string trimmed(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

}  // namespace blotter::sim
