#include "api/sealed_rows.hpp"

namespace blotter::api {
namespace {
constexpr std::size_t document_bytes_max = 16 << 20;
constexpr std::size_t values_max = 1'000'000;
}  // namespace

Bytes seal_json(intake::Keyring& keys, const security::Cell& cell, const security::DataKey& key,
                const json::Value& value) {
    const std::string text = json::to_text(value);
    return keys.vault().seal_payload(key, cell, as_bytes(text));
}

Result<json::Value> open_json(intake::Keyring& keys, const security::Cell& cell,
                              const security::DataKey& key, ByteView sealed) {
    TRY(const Bytes plain, keys.vault().open_payload(key, cell, sealed));
    return json::parse(as_text(plain), {.values_max = values_max, .bytes_max = document_bytes_max});
}

}  // namespace blotter::api
