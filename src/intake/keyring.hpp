#pragma once

#include <map>

#include "base/ids.hpp"
#include "security/vault.hpp"
#include "store/sql.hpp"
#include "store/tables/keys.hpp"
#include "store/writer.hpp"

namespace blotter::intake {

/// The bridge between the vault and the store: workspace keys are made and loaded when they are
/// first needed, subject keys are made, found and destroyed. One per thread, beside its vault.
class Keyring {
  public:
    Keyring(security::Vault& vault, WorkspaceId installation)
        : vault_(vault), installation_(installation) {}

    security::Vault& vault() { return vault_; }

    /// Makes the workspace's keys when it has none. Writer only.
    Result<> ensure(store::Tx& tx, const WorkspaceId& workspace, std::int64_t workspace_no,
                    Timestamp now);
    /// Loads the workspace's keys into this vault. Any connection.
    Result<> load(sql::Connection& db, const WorkspaceId& workspace, std::int64_t workspace_no);

    /// Whether this vault has a key under which new subjects' keys may be wrapped.
    bool can_make_subjects(const WorkspaceId& workspace, Timestamp now) const;
    /// Whether it has none and the caller should load the workspace's keys now: yes at most once a
    /// second, so that a workspace without any costs no reading per event.
    bool should_load(const WorkspaceId& workspace, Timestamp now);
    /// The key of a subject whose id was drawn just now, for `keep_subject` in the writer.
    Result<security::NewDataKey> make_subject(const WorkspaceId& workspace, const Uuid& subject);
    /// Stores it with its subject's event. Writer only.
    static Result<> keep_subject(store::Tx& tx, std::int64_t workspace_no, const Uuid& subject,
                                 Bytes wrapped, Timestamp now);

    /// Whether a subject's id was drawn just now, so that it cannot have a key.
    enum class Age : std::uint8_t { unknown, fresh };
    struct Subject {
        WorkspaceId workspace;
        std::int64_t workspace_no = 0;
        Uuid id;
        Age age = Age::unknown;
    };
    /// The key of a subject (an envelope, or an event that belongs to none); made when there is
    /// none. Errc::gone when it was destroyed. Writer only.
    Result<security::DataKey> subject(store::Tx& tx, const Subject& of, Timestamp now);
    /// The same from rows that were read elsewhere: Errc::gone when it was destroyed, corrupt when
    /// there is none.
    Result<security::DataKey> open_subject(const WorkspaceId& workspace, const Uuid& subject,
                                           const std::optional<store::SubjectKeyRow>& row,
                                           std::vector<store::DataKeyRow> workspace_keys);
    /// Holds a workspace's keys, given newest first as the store lists them.
    Result<> load(const WorkspaceId& workspace, std::vector<store::DataKeyRow> rows);

    const WorkspaceId& installation() const { return installation_; }

  private:
    security::Vault& vault_;
    WorkspaceId installation_;
    std::map<WorkspaceId, Timestamp> asked_;  ///< when `should_load` last said yes
};

/// The cells in which payloads are sealed.
security::Cell event_cell(const WorkspaceId& workspace, const EventId& event);
security::Cell envelope_cell(const WorkspaceId& workspace, const EnvelopeId& envelope);

}  // namespace blotter::intake
