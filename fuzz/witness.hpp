#pragma once

#include <string_view>

#include "http/message.hpp"

namespace blotter::fuzz {

/// Whether one of the options of a connection is `close`. Beast 1.81 goes on after a message of
/// HTTP/1.0 that names `keep-alive`, too; RFC 9112 section 9.3 lets `close` win.
inline bool says_close(const http::Headers& headers) {
    for (const auto& [name, value] : headers) {
        if (!http::equal_ignoring_case(name, "connection")) continue;
        for (std::string_view rest = value; !rest.empty();) {
            const std::size_t end = rest.find(',');
            std::string_view option = rest.substr(0, end);
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            while (option.starts_with(' ') || option.starts_with('\t')) option.remove_prefix(1);
            while (option.ends_with(' ') || option.ends_with('\t')) option.remove_suffix(1);
            if (http::equal_ignoring_case(option, "close")) return true;
        }
    }
    return false;
}

}  // namespace blotter::fuzz
