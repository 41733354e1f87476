#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/invariant.hpp"

/// What the fuzz targets share. A target is one file that defines `run`; a property that does not
/// hold is a broken INVARIANT, which ends the process and leaves the input behind.
namespace blotter::fuzz {

/// Puts one input through a parser and its properties. Depends on nothing but the input.
void run(std::string_view input);

/// Numbers drawn from a text (SplitMix64 after FNV-1a), so that an input alone decides where it is
/// cut into pieces, and the corpus stays plain text.
class Draw {
  public:
    explicit Draw(std::string_view text) {
        for (const char c : text) state_ = (state_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3U;
    }
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        return z ^ z >> 31;
    }
    /// From 0 to `limit` - 1.
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }

  private:
    std::uint64_t state_ = 0xcbf29ce484222325U;
};

/// Takes the text up to the next `end` off the front; everything when there is none.
inline std::string_view take_until(std::string_view& text, char end) {
    const std::size_t at = text.find(end);
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return part;
}

}  // namespace blotter::fuzz
