#include "model/envelope.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace blotter {
namespace {

template <typename T>
struct Name {
    T value;
    std::string_view text;
};

constexpr std::array<Name<EnvelopeState>, 10> envelope_states{{
    {EnvelopeState::draft, "draft"},
    {EnvelopeState::sent, "sent"},
    {EnvelopeState::in_progress, "in_progress"},
    {EnvelopeState::returned, "returned"},
    {EnvelopeState::sealing, "sealing"},
    {EnvelopeState::completed, "completed"},
    {EnvelopeState::declined, "declined"},
    {EnvelopeState::expired, "expired"},
    {EnvelopeState::voided, "voided"},
    {EnvelopeState::failed, "failed"},
}};
constexpr std::array<Name<SignatureLevel>, 3> levels{{{SignatureLevel::simple, "simple"},
                                                      {SignatureLevel::advanced, "advanced"},
                                                      {SignatureLevel::qualified, "qualified"}}};
constexpr std::array<Name<RecipientRole>, 4> roles{{{RecipientRole::signer, "signer"},
                                                    {RecipientRole::approver, "approver"},
                                                    {RecipientRole::viewer, "viewer"},
                                                    {RecipientRole::copy, "copy"}}};
constexpr std::array<Name<RecipientState>, 11> recipient_states{{
    {RecipientState::created, "created"},
    {RecipientState::notified, "notified"},
    {RecipientState::delivery_failed, "delivery_failed"},
    {RecipientState::viewed, "viewed"},
    {RecipientState::authenticated, "authenticated"},
    {RecipientState::started, "started"},
    {RecipientState::signed_, "signed"},
    {RecipientState::approved, "approved"},
    {RecipientState::declined, "declined"},
    {RecipientState::expired, "expired"},
    {RecipientState::removed, "removed"},
}};
constexpr std::array<Name<FileKind>, 4> file_kinds{{{FileKind::original, "original"},
                                                    {FileKind::signed_pdf, "signed_pdf"},
                                                    {FileKind::audit_trail, "audit_trail"},
                                                    {FileKind::attachment, "attachment"}}};

template <typename T, std::size_t n>
std::string_view text_of(const std::array<Name<T>, n>& names, T value) {
    for (const auto& name : names)
        if (name.value == value) return name.text;
    return "unknown";
}

template <typename T, std::size_t n>
std::optional<T> value_of(const std::array<Name<T>, n>& names, std::string_view text) {
    for (const auto& name : names)
        if (name.text == text) return name.value;
    return std::nullopt;
}

}  // namespace

std::string_view to_text(EnvelopeState state) {
    return text_of(envelope_states, state);
}
std::optional<EnvelopeState> parse_envelope_state(std::string_view text) {
    return value_of(envelope_states, text);
}
std::string_view to_text(SignatureLevel level) {
    return text_of(levels, level);
}
std::optional<SignatureLevel> parse_signature_level(std::string_view text) {
    return value_of(levels, text);
}
std::string_view to_text(RecipientRole role) {
    return text_of(roles, role);
}
std::optional<RecipientRole> parse_recipient_role(std::string_view text) {
    return value_of(roles, text);
}
std::string_view to_text(RecipientState state) {
    return text_of(recipient_states, state);
}
std::optional<RecipientState> parse_recipient_state(std::string_view text) {
    return value_of(recipient_states, text);
}
std::string_view to_text(FileKind kind) {
    return text_of(file_kinds, kind);
}
std::optional<FileKind> parse_file_kind(std::string_view text) {
    return value_of(file_kinds, text);
}

const EnvelopeFile* Envelope::file(FileKind kind) const {
    const auto found = std::ranges::find(files, kind, &EnvelopeFile::kind);
    return found == files.end() ? nullptr : &*found;
}

Recipient* Envelope::recipient(const RecipientId& id) {
    return const_cast<Recipient*>(std::as_const(*this).recipient(id));
}

const Recipient* Envelope::recipient(const RecipientId& id) const {
    const auto found = std::ranges::find(recipients, id, &Recipient::id);
    return found == recipients.end() ? nullptr : &*found;
}

}  // namespace blotter
