// Exact decimals, beside whole numbers without a limit as the independent witness.
#include "base/decimal.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

using boost::multiprecision::cpp_int;

cpp_int power_of_ten(int exponent) {
    cpp_int out = 1;
    while (exponent-- > 0) out *= 10;
    return out;
}

/// The coefficient at a scale that no decimal here exceeds, from the printed text.
constexpr int wide_scale = 2 * Decimal::scale_max;
cpp_int wide(const Decimal& value) {
    std::string digits = value.to_text();
    const bool negative = digits.starts_with('-');
    digits.erase(0, negative ? 1 : 0);
    const std::size_t point = digits.find('.');
    const auto decimals = point == std::string::npos ? 0 : digits.size() - point - 1;
    INVARIANT(decimals == static_cast<std::size_t>(value.scale()));
    std::erase(digits, '.');
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    const cpp_int magnitude =
        cpp_int(digits) * power_of_ten(wide_scale - static_cast<int>(decimals));
    return negative ? cpp_int(-magnitude) : magnitude;
}

/// numerator / denominator to a whole number.
cpp_int divided(const cpp_int& numerator, const cpp_int& denominator, Rounding mode) {
    cpp_int quotient = numerator / denominator;
    const cpp_int rest = numerator % denominator;
    if (rest == 0) return quotient;
    const int away = (numerator < 0) == (denominator < 0) ? 1 : -1;
    const cpp_int twice = abs(rest) * 2;
    const int middle = twice < abs(denominator) ? -1 : twice == abs(denominator) ? 0 : 1;
    bool up = false;
    switch (mode) {
        case Rounding::half_even:
            up = middle > 0 || (middle == 0 && quotient % 2 != 0);
            break;
        case Rounding::half_up:
            up = middle >= 0;
            break;
        case Rounding::down:
            break;
        case Rounding::up:
            up = true;
            break;
        case Rounding::floor:
            up = away < 0;
            break;
        case Rounding::ceiling:
            up = away > 0;
            break;
    }
    return up ? cpp_int(quotient + away) : quotient;
}

void check_one(const Decimal& value) {
    const auto again = Decimal::parse(value.to_text());
    INVARIANT(again && again->to_text() == value.to_text() && *again == value);
    INVARIANT(value.trimmed() == value && value.trimmed().scale() <= value.scale());
    INVARIANT(value.negated().negated().to_text() == value.to_text());
    INVARIANT(!value.abs().is_negative());
    INVARIANT(value.is_whole() == (wide(value) % power_of_ten(wide_scale) == 0));
    INVARIANT(value.is_negative() == (wide(value) < 0) && value.is_zero() == (wide(value) == 0));
    if (const auto whole = value.to_int64())
        INVARIANT(cpp_int(*whole) * power_of_ten(wide_scale) == wide(value));
}

void check_rounding(const Decimal& a, const Decimal& b, int scale) {
    for (const Rounding mode : {Rounding::half_even, Rounding::half_up, Rounding::down,
                                Rounding::up, Rounding::floor, Rounding::ceiling}) {
        const auto unit = power_of_ten(wide_scale - scale);
        if (const auto rounded = a.round(scale, mode)) {
            INVARIANT(rounded->scale() == scale);
            INVARIANT(wide(*rounded) == divided(wide(a), unit, mode) * unit);
        }
        const auto quotient = a.divided_by(b, scale, mode);
        INVARIANT(!quotient || !b.is_zero());
        if (quotient)
            INVARIANT(wide(*quotient) ==
                      divided(wide(a) * power_of_ten(scale), wide(b), mode) * unit);
    }
}

void check_two(const Decimal& a, const Decimal& b) {
    INVARIANT((a < b) == (wide(a) < wide(b)) && (a == b) == (wide(a) == wide(b)));
    if (const auto sum = a.plus(b)) INVARIANT(wide(*sum) == wide(a) + wide(b));
    if (const auto difference = a.minus(b)) INVARIANT(wide(*difference) == wide(a) - wide(b));
    if (const auto product = a.times(b))
        INVARIANT(wide(*product) * power_of_ten(wide_scale) == wide(a) * wide(b));
    if (const auto rest = a.remainder(b)) {
        INVARIANT(a.is_whole() && b.is_whole() && !b.is_zero());
        INVARIANT(wide(*rest) == wide(a) % wide(b));
    }
}

}  // namespace

/// Two numbers, each on a line.
void run(std::string_view input) {
    std::string_view rest = input;
    const auto a = Decimal::parse(take_until(rest, '\n'));
    if (!a) return;
    check_one(*a);
    const auto b = Decimal::parse(take_until(rest, '\n'));
    if (!b) return;
    check_two(*a, *b);
    check_rounding(*a, *b, static_cast<int>(Draw{input}.below(Decimal::scale_max + 1)));
}

}  // namespace blotter::fuzz
