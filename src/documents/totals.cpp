#include "documents/totals.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace blotter::documents {
namespace {

constexpr std::array<std::string_view, 16> without_decimals{
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW",
    "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"};
constexpr std::array<std::string_view, 7> with_three{"BHD", "IQD", "JOD", "KWD",
                                                     "LYD", "OMR", "TND"};

struct Money {
    std::string_view currency;
    int decimals;

    Result<Decimal> fitted(const Decimal& value, const std::string& pointer) const {
        const Decimal trimmed = value.trimmed();
        if (trimmed.scale() > decimals)
            return fail(Errc::invalid_argument,
                        fmt::format("{} has more than the {} decimals that amounts in {} have",
                                    value.to_text(), decimals, currency),
                        pointer);
        return trimmed.round(decimals, Rounding::half_up);
    }
};

/// Keeps what is given when it is what it must be, and fills it in when it is absent.
Result<> settle(std::optional<Decimal>& given, const Decimal& must_be, const std::string& pointer,
                std::string_view why) {
    if (given && *given != must_be) {
        TRY(const Decimal difference, given->minus(must_be));
        return fail(Errc::invalid_argument,
                    fmt::format("{} does not agree: {} gives {}, a difference of {}",
                                given->to_text(), why, must_be.to_text(), difference.to_text()),
                    pointer);
    }
    given = must_be;
    return {};
}

Result<> fit(std::optional<Decimal>& value, const Money& money, const std::string& pointer) {
    if (!value) return {};
    TRY(value, money.fitted(*value, pointer));
    return {};
}

/// `what` is "amount" in a line and "total" in the document.
Result<> fit(Amounts& amounts, const Money& money, const std::string& pointer,
             std::string_view what) {
    CHECK(fit(amounts.net, money, fmt::format("{}net_{}", pointer, what)));
    CHECK(fit(amounts.vat, money, fmt::format("{}vat_{}", pointer, what)));
    return fit(amounts.gross, money, fmt::format("{}gross_{}", pointer, what));
}

/// A line's VAT where it is not given: what its rate makes of the net; zero without a rate.
Result<Decimal> vat_of(const Line& line, const Money& money) {
    if (!line.vat_rate) return Decimal{}.round(money.decimals, Rounding::half_up);
    TRY(const Decimal percent, Decimal::parse("0.01"));
    TRY(const Decimal parts, line.amounts.net->times(*line.vat_rate));
    TRY(const Decimal vat, parts.times(percent));
    return vat.round(money.decimals, Rounding::half_up);
}

Result<> settle_line(Line& line, const Money& money, std::size_t index) {
    const std::string pointer = fmt::format("/lines/{}/", index);
    CHECK(fit(line.amounts, money, pointer, "amount"));
    CHECK(fit(line.discount, money, pointer + "discount"));
    Amounts& amounts = line.amounts;
    if (line.quantity && line.unit_price) {
        TRY(Decimal product, line.quantity->times(*line.unit_price));
        if (line.discount) {
            TRY(product, product.minus(*line.discount));
        }
        TRY(const Decimal net, product.round(money.decimals, Rounding::half_up));
        CHECK(settle(amounts.net, net, pointer + "net_amount",
                     line.discount ? "quantity × unit price − discount" : "quantity × unit price"));
    }
    if (!amounts.net)
        return fail(Errc::invalid_argument,
                    "a line needs its net_amount, or quantity and unit_price",
                    pointer + "net_amount");
    if (!amounts.vat) {
        TRY(amounts.vat, vat_of(line, money));
    }
    TRY(const Decimal gross, amounts.net->plus(*amounts.vat));
    return settle(amounts.gross, gross, pointer + "gross_amount", "net + VAT");
}

struct Sums {
    Decimal net;
    Decimal vat;
};

Result<> settle_document(Content& content, const Sums& sums) {
    Amounts& totals = content.totals;
    CHECK(settle(totals.net, sums.net, "/net_total", "the sum of the lines' net amounts"));
    CHECK(settle(totals.vat, sums.vat, "/vat_total", "the sum of the lines' VAT amounts"));
    TRY(Decimal gross, sums.net.plus(sums.vat));
    if (content.rounding) {
        TRY(gross, gross.plus(*content.rounding));
    }
    return settle(totals.gross, gross, "/gross_total",
                  content.rounding ? "net + VAT + rounding" : "net + VAT");
}

}  // namespace

int decimals_of(std::string_view currency) {
    if (std::ranges::find(without_decimals, currency) != without_decimals.end()) return 0;
    if (std::ranges::find(with_three, currency) != with_three.end()) return 3;
    return 2;
}

Result<> settle_totals(Content& content) {
    const Money money{content.currency, decimals_of(content.currency)};
    CHECK(fit(content.totals, money, "/", "total"));
    CHECK(fit(content.rounding, money, "/rounding"));
    if (content.lines.empty()) return {};
    Sums sums;
    for (std::size_t i = 0; i < content.lines.size(); ++i) {
        CHECK(settle_line(content.lines[i], money, i));
        TRY(sums.net, sums.net.plus(*content.lines[i].amounts.net));
        TRY(sums.vat, sums.vat.plus(*content.lines[i].amounts.vat));
    }
    return settle_document(content, sums);
}

}  // namespace blotter::documents
