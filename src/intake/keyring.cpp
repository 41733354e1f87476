#include "intake/keyring.hpp"

#include <algorithm>

#include "store/tables/keys.hpp"

namespace blotter::intake {
namespace {

constexpr security::KeyPurpose purposes[] = {security::KeyPurpose::secrets,
                                             security::KeyPurpose::payloads};

// The purpose is not a column: it is part of the wrapped value's authenticated data, and the first
// byte of the stored commitment column carries it.
store::DataKeyRow to_row(const security::WrappedKey& key, std::int64_t workspace_no) {
    store::DataKeyRow row;
    row.id = key.id;
    row.workspace_no = workspace_no;
    row.kek_id = key.master_id;
    row.wrapped = key.wrapped;
    row.commitment.push_back(static_cast<std::uint8_t>(key.purpose));
    row.commitment.insert(row.commitment.end(), key.commitment.begin(), key.commitment.end());
    row.created_at = key.created_at;
    return row;
}

Result<security::WrappedKey> from_row(const store::DataKeyRow& row, const WorkspaceId& workspace) {
    security::WrappedKey key;
    if (row.commitment.size() != 1 + key.commitment.size())
        return fail(Errc::corrupt, "a stored workspace key has a commitment of another length");
    key.id = row.id;
    key.workspace = workspace;
    key.purpose = static_cast<security::KeyPurpose>(row.commitment[0]);
    key.master_id = row.kek_id;
    key.created_at = row.created_at;
    key.wrapped = row.wrapped;
    std::copy(row.commitment.begin() + 1, row.commitment.end(), key.commitment.begin());
    return key;
}

security::Cell subject_cell(const WorkspaceId& workspace, const Uuid& subject) {
    return {workspace, "subject_key", "wrapped", subject};
}

}  // namespace

security::Cell event_cell(const WorkspaceId& workspace, const EventId& event) {
    return {workspace, "event", "payload", event.value};
}

security::Cell envelope_cell(const WorkspaceId& workspace, const EnvelopeId& envelope) {
    return {workspace, "envelope", "document", envelope.value};
}

Result<> Keyring::load(sql::Connection& db, const WorkspaceId& workspace,
                       std::int64_t workspace_no) {
    TRY(auto rows, store::list_data_keys(db, workspace_no));
    return load(workspace, std::move(rows));
}

Result<> Keyring::load(const WorkspaceId& workspace, std::vector<store::DataKeyRow> rows) {
    // Newest last, so that it is the one that seals.
    std::ranges::reverse(rows);
    for (const store::DataKeyRow& row : rows) {
        TRY(const security::WrappedKey key, from_row(row, workspace));
        CHECK(vault_.load_key(key));
    }
    return {};
}

Result<> Keyring::ensure(store::Tx& tx, const WorkspaceId& workspace, std::int64_t workspace_no,
                         Timestamp now) {
    if (!vault_.has_key(workspace, purposes[0]) || !vault_.has_key(workspace, purposes[1]))
        CHECK(load(tx.db(), workspace, workspace_no));
    for (const security::KeyPurpose purpose : purposes) {
        if (vault_.has_key(workspace, purpose) && !vault_.is_key_due(workspace, purpose, now))
            continue;
        const security::WrappedKey made = vault_.create_key(workspace, purpose, now);
        const security::KeyId id = made.id;
        tx.after_rollback([this, id] { vault_.forget_key(id); });
        CHECK(store::insert_data_key(tx.db(), to_row(made, workspace_no)));
    }
    return {};
}

Result<security::DataKey> Keyring::subject(store::Tx& tx, const Subject& of, Timestamp now) {
    const security::Cell cell = subject_cell(of.workspace, of.id);
    if (of.age == Age::unknown) {
        TRY(const auto found, store::find_subject_key(tx.db(), of.workspace_no, of.id));
        if (found && found->destroyed_at)
            return fail(Errc::gone, "the data of this subject was erased");
        if (found) return vault_.open_data_key(cell, found->wrapped);
    }
    TRY(security::NewDataKey made, vault_.create_data_key(cell));
    CHECK(keep_subject(tx, of.workspace_no, of.id, made.wrapped, now));
    return std::move(made.key);
}

bool Keyring::can_make_subjects(const WorkspaceId& workspace, Timestamp now) const {
    constexpr auto purpose = security::KeyPurpose::payloads;
    return vault_.has_key(workspace, purpose) && !vault_.is_key_due(workspace, purpose, now);
}

bool Keyring::should_load(const WorkspaceId& workspace, Timestamp now) {
    if (can_make_subjects(workspace, now)) return false;
    constexpr Duration pause{1'000};
    const auto [found, first] = asked_.try_emplace(workspace, now);
    if (!first && now >= found->second && now - found->second < pause) return false;
    found->second = now;
    return true;
}

Result<security::NewDataKey> Keyring::make_subject(const WorkspaceId& workspace,
                                                   const Uuid& subject) {
    return vault_.create_data_key(subject_cell(workspace, subject));
}

Result<> Keyring::keep_subject(store::Tx& tx, std::int64_t workspace_no, const Uuid& subject,
                               Bytes wrapped, Timestamp now) {
    TRY(const store::Applied made,
        store::insert_subject_key(tx.db(), {subject, workspace_no, std::move(wrapped), now, {}}));
    if (made == store::Applied::no)
        return fail(Errc::internal, "the subject of a new key has one already: try again");
    return {};
}

Result<security::DataKey> Keyring::open_subject(const WorkspaceId& workspace, const Uuid& subject,
                                                const std::optional<store::SubjectKeyRow>& row,
                                                std::vector<store::DataKeyRow> workspace_keys) {
    if (!row) return fail(Errc::corrupt, "the key of a sealed payload is missing");
    if (row->destroyed_at) return fail(Errc::gone, "the data of this subject was erased");
    const security::Cell cell = subject_cell(workspace, subject);
    if (vault_.has_key(workspace, security::KeyPurpose::payloads)) {
        auto opened = vault_.open_data_key(cell, row->wrapped);
        if (opened) return opened;
        // Perhaps wrapped under a workspace key that was made since.
    }
    CHECK(load(workspace, std::move(workspace_keys)));
    return vault_.open_data_key(cell, row->wrapped);
}

}  // namespace blotter::intake
