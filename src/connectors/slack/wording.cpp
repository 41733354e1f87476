#include "connectors/slack/wording.hpp"

#include <algorithm>
#include <array>

#include "base/invariant.hpp"

namespace blotter::connectors::slack {
namespace {

constexpr std::string_view green = "#2eb67d";
constexpr std::string_view red = "#e01e5a";
constexpr std::string_view yellow = "#ecb22e";
constexpr std::string_view blue = "#36c5f0";
constexpr std::string_view grey = "#868686";

using T = EventType;

constexpr std::array wordings{
    Wording{T::envelope_created, "📝", grey, "Document {title} created as a draft.",
            "Document {title} créé en brouillon."},
    Wording{T::envelope_sent, "📤", blue, "Document {title} sent to {list}",
            "Document {title} envoyé à {list}"},
    Wording{T::envelope_delivered, "📬", blue, "Document {title} has been seen by everybody.",
            "Document {title} vu par tous les destinataires."},
    Wording{T::envelope_partially_signed, "✍️", blue, "Document {title} signed in part{progress}",
            "Document {title} signé en partie{progress}"},
    Wording{T::envelope_all_signed, "✅", green,
            "The last signature on document {title} was given.",
            "La dernière signature du document {title} a été apposée."},
    Wording{T::envelope_completed, "✅", green,
            "Document {title} signed by every signer. Download the eIDAS proof PDF",
            "Document {title} signé par tous les signataires. Téléchargez le PDF de preuve eIDAS"},
    Wording{T::envelope_declined, "❌", red, "Document {title} declined by {who}. Reason: {reason}",
            "Document {title} refusé par {who}. Motif : {reason}"},
    Wording{T::envelope_expired, "⏰", yellow,
            "Document {title} expired without full signature. Missing signers: {list}",
            "Document {title} expiré sans signature complète. Signataires manquants : {list}"},
    Wording{T::envelope_voided, "🚫", grey, "Document {title} withdrawn. Reason: {reason}",
            "Document {title} annulé. Motif : {reason}"},
    Wording{T::envelope_returned, "↩️", yellow, "Document {title} sent back. Reason: {reason}",
            "Document {title} renvoyé à l’expéditeur. Motif : {reason}"},
    Wording{T::envelope_resubmitted, "📤", blue, "Document {title} sent again to {list}",
            "Document {title} de nouveau envoyé à {list}"},
    Wording{T::envelope_corrected, "✏️", blue, "The recipients of document {title} were changed.",
            "Les destinataires du document {title} ont été modifiés."},
    Wording{T::envelope_reminder_sent, "🔔", blue, "Reminder sent for document {title}",
            "Relance envoyée pour le document {title}"},
    Wording{T::envelope_deleted, "🗑️", grey, "Draft {title} deleted.",
            "Brouillon {title} supprimé."},
    Wording{T::envelope_failed, "⚠️", red, "Document {title} failed. Reason: {reason}",
            "Échec du document {title}. Motif : {reason}"},
    Wording{T::recipient_notified, "📨", blue, "{who} was invited to document {title}",
            "{who} a reçu l’invitation pour le document {title}"},
    Wording{T::recipient_delivery_failed, "⚠️", red,
            "The invitation to document {title} did not reach {who}.",
            "L’invitation pour le document {title} n’a pas atteint {who}."},
    Wording{T::recipient_viewed, "👀", blue, "{who} opened document {title}",
            "{who} a ouvert le document {title}"},
    Wording{T::recipient_authenticated, "🔐", blue, "{who} was authenticated for document {title}",
            "{who} s’est authentifié pour le document {title}"},
    Wording{T::recipient_authentication_failed, "⚠️", red,
            "{who} could not be authenticated for document {title}",
            "L’authentification de {who} a échoué pour le document {title}"},
    Wording{T::recipient_started, "✏️", blue, "{who} has begun with document {title}",
            "{who} a commencé le document {title}"},
    Wording{T::recipient_signed, "✍️", green, "{who} just signed document {title}{progress}",
            "{who} vient de signer le document {title}{progress}"},
    Wording{T::recipient_approved, "👍", green, "{who} approved document {title}{progress}",
            "{who} a approuvé le document {title}{progress}"},
    Wording{T::recipient_declined, "❌", red, "{who} declined document {title}. Reason: {reason}",
            "{who} a refusé le document {title}. Motif : {reason}"},
    Wording{T::recipient_expired, "⏰", yellow, "The time of {who} for document {title} is over.",
            "Le délai de {who} pour le document {title} est écoulé."},
    Wording{T::recipient_reassigned, "🔁", blue, "Document {title} was passed on to {who}",
            "Le document {title} a été réattribué à {who}"},
    Wording{T::recipient_reminded, "🔔", blue, "{who} was reminded of document {title}",
            "{who} a été relancé pour le document {title}"},
    Wording{T::recipient_removed, "➖", grey, "{who} was taken out of document {title}",
            "{who} a été retiré du document {title}"},
    Wording{T::evidence_ready, "📎", green, "The evidence of document {title} is ready.",
            "Le dossier de preuve du document {title} est disponible."},
    Wording{T::document_validated, "🧾", green, "Accounting document {title} validated.",
            "Pièce comptable {title} validée."},
    Wording{T::document_dispatched, "🧾", blue, "Accounting document {title} dispatched.",
            "Pièce comptable {title} transmise."},
    Wording{T::document_posted, "🧾", green, "Accounting document {title} posted.",
            "Pièce comptable {title} comptabilisée."},
    Wording{T::document_post_failed, "⚠️", red,
            "Accounting document {title} could not be posted. Reason: {reason}",
            "La pièce comptable {title} n’a pas pu être comptabilisée. Motif : {reason}"},
    Wording{T::source_unknown, "❔", grey, "A source sent something that has no name here.",
            "Une source a envoyé un message inconnu."},
};

constexpr Phrases english{.signed_pdf = "Signed PDF",
                          .evidence_pdf = "Evidence PDF",
                          .open_envelope = "Open the envelope",
                          .send_again = "Send again",
                          .somebody = "a signer",
                          .untitled = "without a title",
                          .nobody = "nobody",
                          .no_reason = "none given",
                          .and_others = "and {count} more",
                          .progress = " ({done}/{total} signatures collected)",
                          .sample = "This is a sample sent by the test button.",
                          .summary =
                              "{count} messages came at once and are folded into this "
                              "summary:",
                          .digest = "The last 24 hours: {count} events.",
                          .alerts = "Open alerts: {count}."};
constexpr Phrases french{
    .signed_pdf = "PDF signé",
    .evidence_pdf = "PDF de preuve",
    .open_envelope = "Ouvrir l’enveloppe",
    .send_again = "Renvoyer",
    .somebody = "un signataire",
    .untitled = "sans titre",
    .nobody = "personne",
    .no_reason = "non précisé",
    .and_others = "et {count} autres",
    .progress = " ({done}/{total} signatures recueillies)",
    .sample = "Ceci est un exemple envoyé par le bouton de test.",
    .summary = "{count} messages arrivés d’un coup sont regroupés dans ce résumé :",
    .digest = "Les dernières 24 heures : {count} événements.",
    .alerts = "Alertes ouvertes : {count}."};

}  // namespace

const Wording& wording_of(EventType type) {
    const auto* found = std::ranges::find(wordings, type, &Wording::type);
    INVARIANT(found != wordings.end());
    return *found;
}

const Phrases& phrases_in(Language language) {
    return language == Language::french ? french : english;
}

}  // namespace blotter::connectors::slack
