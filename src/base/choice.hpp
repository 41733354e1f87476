#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace blotter {

/// "simple, advanced, qualified": the texts that `parse` accepts, in the order of the values, for
/// the sentence that refuses another. Asked of `parse` and `to_text` themselves, so that no second
/// list can fall behind. For enumerations of the numbers 0 to 63, whose `to_text` takes any number.
template <typename Parse>
std::string accepted_values(Parse parse) {
    using Enum = typename std::invoke_result_t<Parse, std::string_view>::value_type;
    static_assert(std::same_as<std::underlying_type_t<Enum>, std::uint8_t>);
    constexpr std::uint8_t values_end = 64;
    std::string out;
    for (std::uint8_t number = 0; number < values_end; ++number) {
        const auto value = static_cast<Enum>(number);
        const std::string_view text = to_text(value);
        if (parse(text) == value) (out += out.empty() ? "" : ", ") += text;
    }
    return out;
}

}  // namespace blotter
