#pragma once

#include <charconv>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

/// What the yardsticks share: a clock, an option reader and the frame of an HTTP/1.1 message.
/// They are measures and change only together with `version`: every figure is a ratio to them.
namespace yardstick {

inline constexpr int version = 1;
inline constexpr std::size_t id_bytes = 32;

/// CLOCK_MONOTONIC, which all processes of a machine share.
inline std::uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec);
}

inline std::string option(int argc, char** argv, std::string_view name, std::string otherwise) {
    for (int i = 1; i + 1 < argc; ++i)
        if (argv[i] == name) return argv[i + 1];
    return otherwise;
}

/// The number that `text` begins with, 0 without one.
inline double number(std::string_view text) {
    double out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

inline bool same_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
    return true;
}

/// A field of the head, empty when it is absent.
inline std::string_view field(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at)) {
        at += 2;
        if (head.size() - at <= name.size() || head[at + name.size()] != ':') continue;
        if (!same_ignoring_case(head.substr(at, name.size()), name)) continue;
        std::string_view value = head.substr(at + name.size() + 1);
        value = value.substr(0, value.find("\r\n"));
        while (value.starts_with(' ')) value.remove_prefix(1);
        return value;
    }
    return {};
}

/// The message at the beginning of `bytes`; `whole` is 0 while some of it is missing.
struct Frame {
    std::string_view head;
    std::string_view body;
    std::size_t whole = 0;
};

inline Frame frame_of(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return {};
    Frame out;
    out.head = bytes.substr(0, end + 2);
    std::size_t length = 0;
    for (const char c : field(out.head, "content-length")) {
        if (c < '0' || c > '9') break;
        length = length * 10 + static_cast<std::size_t>(c - '0');
    }
    if (bytes.size() < end + 4 + length) return {};
    out.body = bytes.substr(end + 4, length);
    out.whole = end + 4 + length;
    return out;
}

}  // namespace yardstick
