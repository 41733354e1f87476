#pragma once

#include "base/result.hpp"
#include "documents/document.hpp"

namespace blotter::documents {

/// How many decimals amounts of a currency have (ISO 4217): 2 for most, 0 for JPY, 3 for TND.
int decimals_of(std::string_view currency);

/// Checks all amounts against each other, exactly, and fills in those that follow from others:
///
/// - a line's net is quantity × unit price − discount, rounded half up to the currency's decimals,
///   where both are given; its VAT, where it is absent, is net × rate, rounded likewise, or zero
///   without a rate; its gross is net + VAT;
/// - the document's net and VAT are the sums of the lines'; gross = net + VAT + rounding.
///
/// What is given and does not agree is Errc::invalid_argument with both figures and a pointer. A
/// document without lines is taken as it is: it cannot be validated.
Result<> settle_totals(Content& content);

}  // namespace blotter::documents
