#pragma once

#include "base/json.hpp"
#include "intake/keyring.hpp"

namespace blotter::intake {

/// A destination's config as it is stored: the values of its custom headers are often keys, so
/// they are sealed, each bound to its destination and name. Everything else stays readable.
/// `keys` must hold the workspace's keys.
Result<json::Value> seal_config(json::Value config, Keyring& keys, const WorkspaceId& workspace,
                                const DestinationId& destination);
Result<json::Value> open_config(json::Value config, Keyring& keys, const WorkspaceId& workspace,
                                const DestinationId& destination);

}  // namespace blotter::intake
