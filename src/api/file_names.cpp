#include "api/file_names.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace blotter::api {
namespace {

constexpr std::string_view octets = "application/octet-stream";
constexpr std::array<std::string_view, 9> safe_types{
    "application/pdf", "application/json", "application/zip", "image/jpeg", "image/png",
    "image/tiff",      "text/csv",         "text/plain",      octets};

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
/// tchar of RFC 9110 section 5.6.2.
bool is_token_char(char c) {
    return is_alphanumeric(c) || std::string_view{"!#$%&'*+-.^_`|~"}.contains(c);
}
/// attr-char of RFC 8187 section 3.2.1.
bool is_attribute_char(char c) {
    return is_alphanumeric(c) || std::string_view{"!#$&+-.^_`|~"}.contains(c);
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Result<std::string> read_file_name(std::string_view header) {
    std::string out;
    for (std::size_t i = 0; i < header.size(); ++i) {
        if (header[i] != '%') {
            out += header[i];
            continue;
        }
        const int high = i + 2 < header.size() ? hex_value(header[i + 1]) : -1;
        const int low = i + 2 < header.size() ? hex_value(header[i + 2]) : -1;
        if (high < 0 || low < 0)
            return fail(Errc::invalid_argument,
                        "X-File-Name must be percent-encoded UTF-8: a % is not followed by two "
                        "hexadecimal digits");
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    if (out.size() > file_name_bytes_max)
        return fail(Errc::invalid_argument, fmt::format("X-File-Name has {} bytes, at most {} are "
                                                        "accepted",
                                                        out.size(), file_name_bytes_max));
    if (find_invalid_utf8(out))
        return fail(Errc::invalid_argument, "X-File-Name is not valid UTF-8 once decoded");
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    if (std::ranges::any_of(out, is_control))
        return fail(Errc::invalid_argument, "X-File-Name holds a control character");
    if (out.empty()) out = "file";
    return out;
}

Result<std::string> read_media_type(std::string_view header) {
    std::string_view type = header.substr(0, header.find(';'));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    if (type.empty()) return std::string{octets};
    const std::size_t slash = type.find('/');
    const auto is_name = [](std::string_view part) {
        return !part.empty() && std::ranges::all_of(part, is_token_char);
    };
    if (type.size() > 127 || slash == std::string_view::npos || !is_name(type.substr(0, slash)) ||
        !is_name(type.substr(slash + 1)))
        return fail(Errc::unsupported_media_type,
                    "Content-Type must name the type of the file, for example \"application/pdf\"");
    std::string out{type};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string_view safe_media_type(std::string_view stored) {
    const auto found = std::ranges::find(safe_types, stored);
    return found == safe_types.end() ? octets : *found;
}

std::string make_disposition(std::string_view name) {
    std::string plain;
    std::string encoded;
    for (const char c : name) {
        const bool harmless = is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == ' ';
        // One mark per character, not per byte of it.
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) plain += harmless ? c : '_';
        // No path, in either form: some clients still believe it.
        const char kept = c == '/' || c == '\\' ? '_' : c;
        if (is_attribute_char(kept))
            encoded += kept;
        else
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(kept));
    }
    return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain, encoded);
}

}  // namespace blotter::api
