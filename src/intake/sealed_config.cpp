#include "intake/sealed_config.hpp"

namespace blotter::intake {
namespace {

/// Destination and header name: a value opens under its own name only.
Bytes row_of(const DestinationId& destination, const std::string& name) {
    Bytes row(destination.value.begin(), destination.value.end());
    row.insert(row.end(), name.begin(), name.end());
    return row;
}

json::Object* headers_of(json::Value& config) {
    json::Object* object = config.as_object();
    json::Value* headers = object == nullptr ? nullptr : object->find("headers");
    return headers == nullptr ? nullptr : headers->as_object();
}

}  // namespace

Result<json::Value> seal_config(json::Value config, Keyring& keys, const WorkspaceId& workspace,
                                const DestinationId& destination) {
    json::Object* headers = headers_of(config);
    if (headers == nullptr) return config;
    for (json::Member& header : *headers) {
        const std::string* value = header.value.as_string();
        if (value == nullptr) return fail(Errc::internal, "a header value is no text");
        const Bytes row = row_of(destination, header.name);
        TRY(const Bytes sealed,
            keys.vault().seal({workspace, "destination", "header", row}, as_bytes(*value)));
        header.value = to_base64(sealed);
    }
    return config;
}

Result<json::Value> open_config(json::Value config, Keyring& keys, const WorkspaceId& workspace,
                                const DestinationId& destination) {
    json::Object* headers = headers_of(config);
    if (headers == nullptr) return config;
    for (json::Member& header : *headers) {
        const std::string* value = header.value.as_string();
        if (value == nullptr) return fail(Errc::corrupt, "a stored header value is no text");
        TRY(const Bytes sealed, from_base64(*value));
        const Bytes row = row_of(destination, header.name);
        TRY(const security::Secret plain,
            keys.vault().open({workspace, "destination", "header", row}, sealed));
        header.value = std::string{plain.expose_text()};
    }
    return config;
}

}  // namespace blotter::intake
