#include "base/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace blotter {

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        std::uint64_t word = 0;
        if (text.size() - i >= 8) {
            std::memcpy(&word, text.data() + i, 8);
            if ((word & 0x8080808080808080ULL) == 0) {
                i += 8;
                continue;
            }
        }
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || text.size() - i <= static_cast<std::size_t>(more))
            return i;
        std::uint32_t point = lead & (0x3f >> more);
        for (int k = 1; k <= more; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xc0) != 0x80) return i;
            point = point << 6 | (next & 0x3f);
        }
        const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
        const bool surrogate = point >= 0xd800 && point <= 0xdfff;
        if (overlong || surrogate || point > 0x10ffff) return i;
        i += static_cast<std::size_t>(more) + 1;
    }
    return std::nullopt;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80)
        --bytes_max;
    return text.substr(0, bytes_max);
}

}  // namespace blotter
