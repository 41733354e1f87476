#include "documents/resolution.hpp"

#include <fmt/format.h>

namespace blotter::documents {

Result<Route> resolve(const ResolutionInput& input) {
    if (input.entity.custom) {
        const WebhookFacts& own = input.entity.webhook;
        if (own.url.empty())
            return fail(Errc::conflict,
                        fmt::format("the entity \"{}\" is set to use its own outbound webhook, but "
                                    "no URL is set; nothing is sent, and the workspace's webhook "
                                    "is not used instead: set the URL, or switch the entity's own "
                                    "webhook off",
                                    input.entity_name));
        if (!own.enabled)
            return fail(Errc::conflict,
                        fmt::format("the entity \"{}\" uses its own outbound webhook, and that is "
                                    "not enabled; the workspace's webhook is not used instead",
                                    input.entity_name));
        return Route{.scope = input.entity_no};
    }
    if (input.workspace.url.empty())
        return fail(Errc::conflict,
                    fmt::format("no webhook is configured for the entity \"{}\" or its workspace",
                                input.entity_name));
    if (!input.workspace.enabled)
        return fail(Errc::conflict, "the workspace's accounting webhook is not enabled");
    return Route{.scope = workspace_scope};
}

}  // namespace blotter::documents
