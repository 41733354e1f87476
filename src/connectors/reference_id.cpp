#include "connectors/reference_id.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/utf8.hpp"

namespace blotter::connectors {

std::string reference_id_of(std::string_view answer) {
    if (answer.empty()) return {};
    const auto parsed = json::parse(answer, {.bytes_max = 64 * 1024});
    if (!parsed) return {};
    for (const char* name : {"accountingReferenceId", "AccountingReferenceId", "id"}) {
        const json::Value* found = parsed->find(name);
        if (found == nullptr) continue;
        std::string text;
        if (const auto* value = found->as_string())
            text = *value;
        else if (const auto* number = found->as_number())
            text = number->text;
        const bool control = std::ranges::any_of(
            text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
        if (text.empty() || control) continue;
        return std::string{cut_utf8(text, 200)};
    }
    return {};
}

}  // namespace blotter::connectors
