#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace blotter {

/// Stored; never renumber. Terminal from `completed` on.
enum class EnvelopeState : std::uint8_t {
    draft = 1,
    sent = 2,
    in_progress = 3,  ///< somebody has seen or done something
    returned = 4,     ///< back with the sender for a correction
    sealing = 5,      ///< everybody has signed; signed PDF and audit trail are not both there yet
    completed = 10,
    declined = 11,
    expired = 12,
    voided = 13,
    failed = 14,
};
std::string_view to_text(EnvelopeState state);
std::optional<EnvelopeState> parse_envelope_state(std::string_view text);
inline bool is_terminal(EnvelopeState state) {
    return state >= EnvelopeState::completed;
}

/// Stored; never renumber.
enum class SignatureLevel : std::uint8_t { simple = 1, advanced = 2, qualified = 3 };
std::string_view to_text(SignatureLevel level);
std::optional<SignatureLevel> parse_signature_level(std::string_view text);

/// Only signers and approvers must act for an envelope to complete.
enum class RecipientRole : std::uint8_t { signer = 1, approver = 2, viewer = 3, copy = 4 };
std::string_view to_text(RecipientRole role);
std::optional<RecipientRole> parse_recipient_role(std::string_view text);

enum class RecipientState : std::uint8_t {
    created = 1,
    notified = 2,
    delivery_failed = 3,
    viewed = 4,
    authenticated = 5,
    started = 6,
    signed_ = 10,
    approved = 11,
    declined = 12,
    expired = 13,
    removed = 14,
};
std::string_view to_text(RecipientState state);
std::optional<RecipientState> parse_recipient_state(std::string_view text);

/// What is known about how somebody was present: for the audit trail, never for a decision.
struct Presence {
    std::string ip;
    std::string user_agent;
    std::string method;  ///< "email_otp", "sms_otp", "link", …
    bool operator==(const Presence&) const = default;
};

struct Recipient {
    RecipientId id;
    std::string name;
    std::string email;
    std::string phone;
    RecipientRole role = RecipientRole::signer;
    std::uint32_t order = 1;  ///< equal numbers act at the same time; lower ones first
    RecipientState state = RecipientState::created;
    std::optional<Timestamp> notified_at;
    std::optional<Timestamp> viewed_at;
    std::optional<Timestamp> authenticated_at;
    std::optional<Timestamp> acted_at;  ///< signed, approved or declined
    Presence presence;
    std::string reason;  ///< of a refusal or of a failed notification
    bool operator==(const Recipient&) const = default;
};
/// Whether the envelope waits for this recipient.
inline bool must_act(const Recipient& r) {
    return (r.role == RecipientRole::signer || r.role == RecipientRole::approver) &&
           r.state != RecipientState::removed;
}
inline bool has_acted(const Recipient& r) {
    return r.state == RecipientState::signed_ || r.state == RecipientState::approved;
}

/// Stored; never renumber.
enum class FileKind : std::uint8_t {
    original = 1,
    signed_pdf = 2,
    audit_trail = 3,
    attachment = 4
};
std::string_view to_text(FileKind kind);
std::optional<FileKind> parse_file_kind(std::string_view text);

struct EnvelopeFile {
    FileId id;
    FileKind kind = FileKind::original;
    std::string name;
    std::string media_type;
    std::uint64_t bytes = 0;
    std::string sha256;  ///< lower-case hex
    bool operator==(const EnvelopeFile&) const = default;
};

/// One line of the envelope's own history, kept for the audit trail.
struct EnvelopeNote {
    Timestamp at;
    std::string what;  ///< an event type's name
    std::optional<RecipientId> recipient;
    Presence presence;
    std::string detail;
    bool operator==(const EnvelopeNote&) const = default;
};

/// A signing process. Changed only by the envelope state machine.
struct Envelope {
    EnvelopeId id;
    std::int64_t workspace_no = 0;
    std::int64_t no = 0;  ///< the store's row, 0 before it has one
    std::optional<std::int64_t> entity_no;
    std::string external_id;
    std::string title;
    SignatureLevel level = SignatureLevel::simple;
    EnvelopeState state = EnvelopeState::draft;
    json::Value metadata = json::Object{};  ///< an object, as given
    std::vector<Recipient> recipients;
    std::vector<EnvelopeFile> files;
    std::vector<EnvelopeNote> notes;
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<Timestamp> sent_at;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> completed_at;
    std::optional<Timestamp> ended_at;  ///< when any terminal state was reached
    std::string reason;                 ///< of a refusal, withdrawal or failure
    std::int64_t version = 0;           ///< grows by one with each change

    const EnvelopeFile* file(FileKind kind) const;
    Recipient* recipient(const RecipientId& id);
    const Recipient* recipient(const RecipientId& id) const;
    bool operator==(const Envelope&) const = default;
};

}  // namespace blotter
