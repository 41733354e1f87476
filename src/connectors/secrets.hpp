#pragma once

#include <optional>
#include <vector>

#include "base/result.hpp"
#include "model/destination.hpp"
#include "runtime/task.hpp"
#include "security/secret.hpp"
#include "security/webhook_secret.hpp"

namespace blotter::connectors {

/// What a destination's requests are signed and authorised with, open. Kept in memory only.
struct DestinationSecrets {
    std::vector<security::WebhookSecret> signing;  ///< newest first; several during a rotation
    std::optional<security::Secret> bearer;
    std::optional<Timestamp> valid_until;  ///< the earliest end of an overlap
};

/// Where they come from. One per loop.
class SecretSource {
  public:
    virtual ~SecretSource() = default;
    virtual runtime::Task<Result<DestinationSecrets>> load(std::int64_t destination_no,
                                                           std::int64_t workspace_no) = 0;
};

}  // namespace blotter::connectors
