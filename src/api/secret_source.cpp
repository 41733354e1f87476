#include "api/secret_source.hpp"

#include <algorithm>

#include "store/tables/workspaces.hpp"

namespace blotter::api {
namespace {

/// The row part of the cell: destination (16) ‖ created (8, ms, big-endian) ‖ purpose.
Bytes cell_row(const DestinationId& destination, std::string_view purpose, Timestamp created_at) {
    Bytes row(destination.value.begin(), destination.value.end());
    const auto ms = static_cast<std::uint64_t>(to_ms(created_at));
    for (int shift = 56; shift >= 0; shift -= 8)
        row.push_back(static_cast<std::uint8_t>(ms >> shift));
    row.insert(row.end(), purpose.begin(), purpose.end());
    return row;
}

security::Cell cell_of(const WorkspaceId& workspace, ByteView row) {
    return {workspace, "destination_secret", "sealed", row};
}

}  // namespace

Result<SealedSecrets> load_sealed_secrets(sql::Connection& db, const DestinationPlace& place,
                                          Timestamp now) {
    SealedSecrets out;
    TRY(const auto destination, store::load_destination(db, place.destination_no));
    TRY(const auto workspace, store::load_workspace(db, place.workspace_no));
    if (!destination || !workspace || destination->workspace_no != place.workspace_no)
        return fail(Errc::not_found, "the destination is no longer kept");
    out.destination = destination->id;
    out.workspace = workspace->id;
    TRY(out.rows, store::list_destination_secrets(db, place.destination_no, now));
    TRY(out.workspace_keys, store::list_data_keys(db, place.workspace_no));
    return out;
}

Result<connectors::DestinationSecrets> open_secrets(intake::Keyring& keys, SealedSecrets sealed) {
    CHECK(keys.load(sealed.workspace, std::move(sealed.workspace_keys)));
    connectors::DestinationSecrets out;
    for (const store::DestinationSecretRow& row : sealed.rows) {
        const Bytes place = cell_row(sealed.destination, row.purpose, row.created_at);
        TRY(security::Secret text, keys.vault().open(cell_of(sealed.workspace, place), row.sealed));
        if (row.purpose == secret_purpose::signing) {
            TRY(auto secret, security::WebhookSecret::parse(text.expose_text()));
            if (out.signing.size() < signing_secrets_max) out.signing.push_back(std::move(secret));
        } else if (row.purpose == secret_purpose::bearer && !out.bearer) {
            out.bearer = std::move(text);
        }
        if (row.expires_at)
            out.valid_until = std::min(out.valid_until.value_or(*row.expires_at), *row.expires_at);
    }
    return out;
}

Result<std::int64_t> write_secret(store::Tx& tx, intake::Keyring& keys, const SecretOwner& owner,
                                  std::string_view purpose, std::string_view text, Timestamp now) {
    CHECK(keys.ensure(tx, owner.workspace, owner.workspace_no, now));
    const Bytes place = cell_row(owner.destination, purpose, now);
    store::DestinationSecretRow row;
    row.destination_no = owner.destination_no;
    row.purpose = purpose;
    row.created_at = now;
    TRY(row.sealed, keys.vault().seal(cell_of(owner.workspace, place), as_bytes(text)));
    return store::insert_destination_secret(tx.db(), row);
}

runtime::Task<Result<connectors::DestinationSecrets>> StoredSecrets::load(
    std::int64_t destination_no, std::int64_t workspace_no) {
    CO_TRY(SealedSecrets sealed,
           co_await store::read(
               loop_, reader_,
               [place = DestinationPlace{destination_no, workspace_no}, now = loop_.clock().wall()](
                   sql::Connection& db) { return load_sealed_secrets(db, place, now); }));
    co_return open_secrets(keys_, std::move(sealed));
}

}  // namespace blotter::api
