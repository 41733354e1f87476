#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/helpers.hpp"
#include "api/secret_source.hpp"

/// What the routes of destinations share: checking, showing and writing them.
namespace blotter::api {

/// What is shown of a destination's secrets.
struct SecretHints {
    std::string signing;    ///< "whsec_…1a2b", empty when it cannot be opened
    std::size_t valid = 0;  ///< signing secrets, those in overlap included
    bool bearer = false;
};
SecretHints hints_of(const Result<connectors::DestinationSecrets>& secrets);
/// The same for rows; on the thread that owns `keys`.
SecretHints hints_of(intake::Keyring& keys, SealedSecrets sealed);

/// The API's shape of a destination. Values of headers that are credentials are masked.
json::Value view_of(const Destination& destination, const routing::Directory& directory,
                    const SecretHints& hints);

/// Everything that can be checked without the network: settings, schedule, filter. Errors point
/// below /config.
Result<routing::TargetPtr> check_destination(Destination destination,
                                             const DeliveryDefaults& defaults,
                                             const security::EgressGuard& guard, bool has_bearer);
/// config_from_json with pointers that begin at /config.
Result<> read_config(const json::Value& config, Destination& into);
/// The stored form of a masked header value means: keep what is there.
json::Value unmask_headers(json::Value config, const Destination& before);

/// An entity id of the workspace as its number; empty text is none.
Result<std::optional<std::int64_t>> entity_no_of(const routing::Directory& directory,
                                                 std::int64_t workspace_no, std::string_view id);
/// A bearer key that can stand in a header. Errors point to /bearer_key.
Result<> check_bearer_key(std::string_view text);

/// The row to write, with the values of its custom headers sealed.
Result<store::DestinationRow> row_of(store::Tx& tx, WriterSide& side,
                                     const Destination& destination);
/// The ledger's note of a change to a destination's settings, and of a lower TLS floor.
Result<> note_change(store::Tx& tx, WriterSide& side, const Destination& after,
                     const Destination* before);
SecretOwner owner_of(WriterSide& side, const Destination& destination);

/// The destination that a path names; not_found for one of another workspace.
Result<routing::TargetPtr> find_target(const routing::Directory& directory,
                                       std::int64_t workspace_no, const DestinationId& id);
/// The hints of a destination inside a transaction.
Result<SecretHints> hints_in(store::Tx& tx, WriterSide& side, const Destination& destination);

/// The version that the caller expects: `If-Match: "3"`, or the member `version`.
Result<std::optional<std::int64_t>> expected_version(const Call& call);
Result<> check_version(const Destination& destination, std::optional<std::int64_t> expected);

/// The rows of destinations_actions.cpp.
std::vector<Route> destination_action_routes();
std::vector<Component> destination_action_components();

}  // namespace blotter::api
