#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace blotter {

/// Text of at most `Max` bytes that lives where it is declared: for what each event writes several
/// times, and a string would allocate for.
template <std::size_t Max>
class ShortText {
    static_assert(Max < 256);

  public:
    static constexpr std::size_t bytes_max = Max;

    /// `Max` bytes to write into, of which the first `size` become the text.
    char* room() { return bytes_.data(); }
    void set_size(std::size_t size) { size_ = static_cast<std::uint8_t>(size); }

    std::string_view view() const { return {bytes_.data(), size_}; }
    operator std::string_view() const { return view(); }

  private:
    std::array<char, Max> bytes_;
    std::uint8_t size_ = 0;
};

}  // namespace blotter
