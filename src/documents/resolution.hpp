#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "documents/document.hpp"

namespace blotter::documents {

/// The settings of one webhook, as far as they decide. A value.
struct WebhookFacts {
    bool enabled = false;
    std::string url;  ///< empty: none
};

/// An entity's own. Without `custom` everything else in it is at rest.
struct EntityWebhookFacts {
    bool custom = false;
    WebhookFacts webhook;
};

/// Where a document goes: a kind of connector, and whose settings it uses.
struct Route {
    std::string kind = "webhook";
    WebhookScope scope = workspace_scope;
    bool operator==(const Route&) const = default;
};

struct ResolutionInput {
    EntityWebhookFacts entity;
    WebhookFacts workspace;
    std::int64_t entity_no = 0;
    std::string entity_name;  ///< for the words
};

/// The route, or why there is none (Errc::conflict, for people). The entity's own is used if it is
/// switched on, and then nothing else: without a URL, or not enabled, nothing is sent. It never
/// falls back to the workspace's.
Result<Route> resolve(const ResolutionInput& input);

}  // namespace blotter::documents
