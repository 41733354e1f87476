#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace blotter {

/// What happens to the digits that do not fit.
enum class Rounding : std::uint8_t {
    half_even,  ///< to the nearest; a tie goes to the even digit
    half_up,    ///< to the nearest; a tie goes away from zero (commercial rounding)
    down,       ///< towards zero
    up,         ///< away from zero
    floor,      ///< towards minus infinity
    ceiling,    ///< towards plus infinity
};

/// "half_even", "half_up", "down", "up", "floor" or "ceiling".
std::optional<Rounding> rounding_named(std::string_view name);

/// An exact decimal number for money: coefficient / 10^scale, with at most `digits_max` digits in
/// the coefficient and at most `scale_max` decimals. No result is ever approximate: what cannot be
/// represented is a failure (`invalid_argument`). The scale is kept as written, so 12500.10 prints
/// as 12500.10, while comparison is by value: 1.0 equals 1.00. There is no negative zero.
///
/// A trivially copyable value; all members are const and may be called from any thread.
class Decimal {
  public:
    static constexpr int digits_max = 36;
    static constexpr int scale_max = 18;
    /// The longest text that `parse` looks at.
    static constexpr std::size_t text_bytes_max = 64;

    constexpr Decimal() = default;
    constexpr explicit Decimal(std::int64_t whole) : coefficient_(whole) {}

    /// The RFC 8259 number grammar and nothing else: "12500.10", "-3", "1.25e4". No plus sign, no
    /// leading zeros, no separators, no spaces. An exponent is accepted when the value it stands
    /// for is exact within the limits.
    static Result<Decimal> parse(std::string_view text);
    static Result<Decimal> from(const json::Number& number) { return parse(number.text); }
    /// coefficient / 10^scale, for example of_parts(1250010, 2) for 12500.10.
    static Result<Decimal> of_parts(std::int64_t coefficient, int scale);

    /// Plain digits without an exponent, with as many decimals as the scale says.
    std::string to_text() const;
    json::Number to_number() const { return json::Number{to_text()}; }
    /// The value when it is whole and fits.
    std::optional<std::int64_t> to_int64() const;

    int scale() const { return scale_; }
    bool is_zero() const { return coefficient_ == 0; }
    bool is_negative() const { return coefficient_ < 0; }
    bool is_whole() const;

    Decimal negated() const;
    Decimal abs() const { return is_negative() ? negated() : *this; }
    /// The same value with the fewest decimals: 12.500 becomes 12.5.
    Decimal trimmed() const;
    /// The value with exactly `scale` decimals, rounded or padded with zeros.
    Result<Decimal> round(int scale, Rounding mode) const;

    /// Exact, or a failure when the result has too many digits or decimals.
    Result<Decimal> plus(const Decimal& other) const;
    Result<Decimal> minus(const Decimal& other) const { return plus(other.negated()); }
    Result<Decimal> times(const Decimal& other) const;
    /// The quotient with exactly `scale` decimals, rounded once from the exact quotient.
    Result<Decimal> divided_by(const Decimal& other, int scale, Rounding mode) const;
    /// What is left of a division of whole numbers; has the sign of the dividend.
    Result<Decimal> remainder(const Decimal& other) const;

    /// By value; never fails, whatever the scales are.
    std::strong_ordering operator<=>(const Decimal& other) const;
    bool operator==(const Decimal& other) const { return (*this <=> other) == 0; }

  private:
    __extension__ using Int = __int128;
    __extension__ using Uint = unsigned __int128;

    constexpr Decimal(Int coefficient, int scale)
        : coefficient_(coefficient), scale_(static_cast<std::int8_t>(scale)) {}
    /// The value if it is within the limits, if need be after dropping zeros at the end.
    static Result<Decimal> checked(Int coefficient, int scale);
    Uint magnitude() const;

    Int coefficient_ = 0;
    std::int8_t scale_ = 0;
};

}  // namespace blotter
