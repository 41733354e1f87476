#include "base/decimal.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter {
namespace {

__extension__ using Int = __int128;
__extension__ using Uint = unsigned __int128;

constexpr auto powers_of_ten = [] {
    std::array<Int, Decimal::digits_max + 1> powers{};
    powers[0] = 1;
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

// The long division below multiplies a rest smaller than a coefficient by ten, and rounding
// doubles one: both need room in 128 bits.
static_assert(powers_of_ten.back() < static_cast<Int>(~Uint{0} >> 1) / 20);

Int power_of_ten(int exponent) {
    INVARIANT(exponent >= 0 && exponent <= Decimal::digits_max);
    return powers_of_ten[static_cast<std::size_t>(exponent)];
}

bool fits(Int coefficient) {
    return coefficient < powers_of_ten.back() && coefficient > -powers_of_ten.back();
}

std::unexpected<Error> too_many_digits() {
    return fail(Errc::invalid_argument,
                fmt::format("the number needs more than {} digits or more than {} decimals",
                            Decimal::digits_max, Decimal::scale_max));
}

/// A quotient before rounding: the digits kept and what was cut off.
struct Cut {
    Uint kept;
    Uint rest;     ///< smaller than `divisor`
    Uint divisor;  ///< what one unit of `kept` stands for, in units of `rest`
    bool negative;
};

bool rounds_away(const Cut& cut, Rounding mode) {
    if (cut.rest == 0) return false;
    const Uint twice = cut.rest * 2;
    switch (mode) {
        case Rounding::half_even:
            return twice > cut.divisor || (twice == cut.divisor && cut.kept % 2 == 1);
        case Rounding::half_up:
            return twice >= cut.divisor;
        case Rounding::down:
            return false;
        case Rounding::up:
            return true;
        case Rounding::floor:
            return cut.negative;
        case Rounding::ceiling:
            return !cut.negative;
    }
    std::unreachable();
}

Int rounded(const Cut& cut, Rounding mode) {
    const Int kept = static_cast<Int>(cut.kept) + (rounds_away(cut, mode) ? 1 : 0);
    return cut.negative ? -kept : kept;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
}

bool take(std::string_view& text, char wanted) {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

/// The parts of a JSON number, not yet judged against the limits.
struct Parts {
    bool negative = false;
    std::string_view whole;
    std::string_view fraction;
    int exponent = 0;
};

std::optional<Parts> split(std::string_view text) {
    Parts parts;
    parts.negative = take(text, '-');
    parts.whole = take_digits(text);
    if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole[0] == '0'))
        return std::nullopt;
    if (take(text, '.')) {
        parts.fraction = take_digits(text);
        if (parts.fraction.empty()) return std::nullopt;
    }
    if (take(text, 'e') || take(text, 'E')) {
        const bool negative = take(text, '-');
        if (!negative) take(text, '+');
        const std::string_view digits = take_digits(text);
        if (digits.empty()) return std::nullopt;
        // Beyond a thousand every number but zero is out of range, so the value need not be kept.
        for (const char c : digits)
            parts.exponent = std::min(parts.exponent * 10 + (c - '0'), 1'000);
        if (negative) parts.exponent = -parts.exponent;
    }
    if (!text.empty()) return std::nullopt;
    return parts;
}

}  // namespace

std::optional<Rounding> rounding_named(std::string_view name) {
    constexpr std::array<std::string_view, 6> names{"half_even", "half_up", "down",
                                                    "up",        "floor",   "ceiling"};
    const auto* found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Rounding>(found - names.begin());
}

Decimal::Uint Decimal::magnitude() const {
    return static_cast<Uint>(coefficient_ < 0 ? -coefficient_ : coefficient_);
}

Result<Decimal> Decimal::checked(Int coefficient, int scale) {
    while ((scale > scale_max || !fits(coefficient)) && scale > 0 && coefficient % 10 == 0) {
        coefficient /= 10;
        --scale;
    }
    if (scale > scale_max || !fits(coefficient)) return too_many_digits();
    return Decimal{coefficient, scale};
}

Result<Decimal> Decimal::parse(std::string_view text) {
    if (text.size() > text_bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("a number has at most {} characters", text_bytes_max));
    const auto parts = split(text);
    if (!parts)
        return fail(Errc::malformed,
                    fmt::format("'{}' is not a number such as 12500.10: digits, at most one point, "
                                "no separators, spaces or leading zeros",
                                text));
    // Zeros at the end of what does not fit are worth nothing, so digits are counted without them.
    Int coefficient = 0;
    int zeros = 0;
    int taken = 0;
    for (const std::string_view digits : {parts->whole, parts->fraction}) {
        for (const char c : digits) {
            if (c == '0') {
                ++zeros;
                continue;
            }
            taken += taken == 0 ? 1 : zeros + 1;
            if (taken > digits_max) return too_many_digits();
            coefficient = coefficient * power_of_ten(coefficient == 0 ? 0 : zeros + 1) + (c - '0');
            zeros = 0;
        }
    }
    const int written = static_cast<int>(parts->fraction.size()) - parts->exponent;
    const int scale = std::clamp(written, 0, scale_max);
    if (coefficient == 0) return Decimal{0, scale};
    // So far the zeros at the end are missing. They come back as far as there is room.
    const int bare = written - zeros;
    const int padded = std::min(scale - bare, digits_max - taken);
    if (padded < 0 || bare + padded < 0) return too_many_digits();
    coefficient *= power_of_ten(padded);
    return Decimal{parts->negative ? -coefficient : coefficient, bare + padded};
}

Result<Decimal> Decimal::of_parts(std::int64_t coefficient, int scale) {
    if (scale < 0 || scale > scale_max) return too_many_digits();
    return Decimal{Int{coefficient}, scale};
}

std::string Decimal::to_text() const {
    std::array<char, digits_max + 3> out;
    char* at = out.data() + out.size();
    Uint rest = magnitude();
    for (int place = 0; place <= scale_ || rest != 0; ++place) {
        if (place == scale_ && scale_ > 0) *--at = '.';
        *--at = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    if (coefficient_ < 0) *--at = '-';
    return std::string{at, out.data() + out.size()};
}

std::optional<std::int64_t> Decimal::to_int64() const {
    const Int power = power_of_ten(scale_);
    const Int whole = coefficient_ / power;
    if (coefficient_ % power != 0 || whole > std::numeric_limits<std::int64_t>::max() ||
        whole < std::numeric_limits<std::int64_t>::min())
        return std::nullopt;
    return static_cast<std::int64_t>(whole);
}

bool Decimal::is_whole() const {
    return scale_ == 0 || coefficient_ % power_of_ten(scale_) == 0;
}

Decimal Decimal::negated() const {
    return Decimal{-coefficient_, scale_};
}

Decimal Decimal::trimmed() const {
    Decimal out = *this;
    while (out.scale_ > 0 && out.coefficient_ % 10 == 0) {
        out.coefficient_ /= 10;
        --out.scale_;
    }
    return out;
}

Result<Decimal> Decimal::round(int scale, Rounding mode) const {
    if (scale < 0 || scale > scale_max)
        return fail(Errc::invalid_argument,
                    fmt::format("a number is rounded to between 0 and {} decimals", scale_max));
    if (scale >= scale_) {
        Int padded = 0;
        if (__builtin_mul_overflow(coefficient_, power_of_ten(scale - scale_), &padded) ||
            !fits(padded))
            return too_many_digits();
        return Decimal{padded, scale};
    }
    const auto divisor = static_cast<Uint>(power_of_ten(scale_ - scale));
    const Cut cut{magnitude() / divisor, magnitude() % divisor, divisor, is_negative()};
    return Decimal{rounded(cut, mode), scale};
}

Result<Decimal> Decimal::plus(const Decimal& other) const {
    const Decimal& coarse = scale_ < other.scale_ ? *this : other;
    const Decimal& fine = scale_ < other.scale_ ? other : *this;
    Int aligned = 0;
    Int sum = 0;
    const bool overflow =
        __builtin_mul_overflow(coarse.coefficient_, power_of_ten(fine.scale_ - coarse.scale_),
                               &aligned) ||
        __builtin_add_overflow(aligned, fine.coefficient_, &sum);
    if (!overflow) return checked(sum, fine.scale_);
    // Zeros at the end of the finer number may be all that was in the way.
    const Decimal shorter = fine.trimmed();
    if (shorter.scale_ == fine.scale_) return too_many_digits();
    return coarse.plus(shorter);
}

Result<Decimal> Decimal::times(const Decimal& other) const {
    Int product = 0;
    if (!__builtin_mul_overflow(coefficient_, other.coefficient_, &product))
        return checked(product, scale_ + other.scale_);
    const Decimal left = trimmed();
    const Decimal right = other.trimmed();
    if (__builtin_mul_overflow(left.coefficient_, right.coefficient_, &product))
        return too_many_digits();
    return checked(product, left.scale_ + right.scale_);
}

Result<Decimal> Decimal::divided_by(const Decimal& other, int scale, Rounding mode) const {
    if (other.is_zero()) return fail(Errc::invalid_argument, "division by zero");
    if (scale < 0 || scale > scale_max)
        return fail(Errc::invalid_argument,
                    fmt::format("a quotient has between 0 and {} decimals", scale_max));
    const Uint divisor = other.magnitude();
    Cut cut{magnitude() / divisor, magnitude() % divisor, divisor,
            is_negative() != other.is_negative()};
    // Long division: each step brings down one more decimal. Too few places wanted means that some
    // of the digits just found are cut off again.
    int places = scale + other.scale_ - scale_;
    for (; places > 0; --places) {
        const Uint next = cut.rest * 10;
        if (cut.kept >= static_cast<Uint>(powers_of_ten.back())) return too_many_digits();
        cut.kept = cut.kept * 10 + next / divisor;
        cut.rest = next % divisor;
    }
    if (places < 0) {
        const auto unit = static_cast<Uint>(power_of_ten(-places));
        // A rest below one digit can only tip a tie, so half a unit stands for it.
        const Uint below = cut.kept % unit * 2 + (cut.rest != 0 ? 1 : 0);
        cut = Cut{cut.kept / unit, below, unit * 2, cut.negative};
    }
    const Int quotient = rounded(cut, mode);
    if (!fits(quotient)) return too_many_digits();
    return Decimal{quotient, scale};
}

Result<Decimal> Decimal::remainder(const Decimal& other) const {
    if (other.is_zero()) return fail(Errc::invalid_argument, "division by zero");
    if (!is_whole() || !other.is_whole())
        return fail(Errc::invalid_argument, "a remainder needs whole numbers");
    const Int left = coefficient_ / power_of_ten(scale_);
    const Int right = other.coefficient_ / power_of_ten(other.scale_);
    return Decimal{left % right, 0};
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
    if (scale_ == other.scale_) return coefficient_ <=> other.coefficient_;
    // Whole parts first, then the decimals brought to one scale: nothing can overflow.
    const Int left_unit = power_of_ten(scale_);
    const Int right_unit = power_of_ten(other.scale_);
    const Int left = coefficient_ / left_unit;
    const Int right = other.coefficient_ / right_unit;
    if (left != right) return left <=> right;
    return coefficient_ % left_unit * power_of_ten(scale_max - scale_) <=>
           other.coefficient_ % right_unit * power_of_ten(scale_max - other.scale_);
}

}  // namespace blotter
