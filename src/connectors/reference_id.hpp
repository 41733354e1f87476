#pragma once

#include <string>
#include <string_view>

namespace blotter::connectors {

/// The accounting reference id in a receiver's answer: the member `accountingReferenceId`,
/// `AccountingReferenceId` or `id` of a JSON object, a string or a number; empty when there is
/// none. At most 200 bytes; control characters make it no reference at all.
std::string reference_id_of(std::string_view answer);

}  // namespace blotter::connectors
