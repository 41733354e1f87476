#pragma once

#include <string>
#include <vector>

#include "connectors/secrets.hpp"
#include "intake/keyring.hpp"
#include "runtime/loop.hpp"
#include "store/reader.hpp"
#include "store/tables/destinations.hpp"

namespace blotter::api {

/// What a secret of a destination is for; the names are stored.
namespace secret_purpose {
inline constexpr std::string_view signing = "signing";
inline constexpr std::string_view bearer = "bearer";
}  // namespace secret_purpose

/// How many signing secrets may be valid at once: the newest and those in overlap.
inline constexpr std::size_t signing_secrets_max = 4;

/// The secrets of a destination as the store has them, with everything needed to open them.
struct SealedSecrets {
    DestinationId destination;
    WorkspaceId workspace;
    std::vector<store::DestinationSecretRow> rows;  ///< valid ones, newest first
    std::vector<store::DataKeyRow> workspace_keys;
};

struct DestinationPlace {
    std::int64_t destination_no = 0;
    std::int64_t workspace_no = 0;
};
/// Any connection. Errc::not_found when there is no such destination.
Result<SealedSecrets> load_sealed_secrets(sql::Connection& db, const DestinationPlace& place,
                                          Timestamp now);

/// Opens them, on the thread that owns `keys`.
Result<connectors::DestinationSecrets> open_secrets(intake::Keyring& keys, SealedSecrets sealed);

/// Whose secret it is, for sealing. The row's number is not known before it is written, so a value
/// is bound to the destination, the purpose and the time of its creation.
struct SecretOwner {
    WorkspaceId workspace;
    std::int64_t workspace_no = 0;
    DestinationId destination;
    std::int64_t destination_no = 0;
};
/// Seals and writes one; gives its number. Writer only.
Result<std::int64_t> write_secret(store::Tx& tx, intake::Keyring& keys, const SecretOwner& owner,
                                  std::string_view purpose, std::string_view text, Timestamp now);

/// Where a loop's connectors get their secrets: read on the reader's threads, opened on the loop
/// with the loop's own keys. Loop thread only.
class StoredSecrets final : public connectors::SecretSource {
  public:
    StoredSecrets(runtime::Loop& loop, store::Reader& reader, intake::Keyring& keys)
        : loop_(loop), reader_(reader), keys_(keys) {}

    runtime::Task<Result<connectors::DestinationSecrets>> load(std::int64_t destination_no,
                                                               std::int64_t workspace_no) override;

  private:
    runtime::Loop& loop_;
    store::Reader& reader_;
    intake::Keyring& keys_;
};

}  // namespace blotter::api
