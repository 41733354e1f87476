#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/decimal.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "model/document_state.hpp"
#include "model/envelope.hpp"

/// Accounting documents as values.
namespace blotter::documents {

enum class DocumentType : std::uint8_t { invoice, credit_note, receipt, expense, other };
std::string_view to_text(DocumentType type);
std::optional<DocumentType> parse_document_type(std::string_view text);

/// A value on one axis of analysis: cost centre, VAT code, posting account, project, ….
struct Dimension {
    std::string type;          ///< "cost_center"
    std::string reference_id;  ///< as the accounting system knows it
    std::string name;          ///< copied from the entity's list
    bool operator==(const Dimension&) const = default;
};

struct Supplier {
    std::string reference_id;
    std::string name;    ///< copied from the entity's list
    std::string tax_id;  ///< copied from the entity's list
    bool operator==(const Supplier&) const = default;
};

/// What a line or a whole document comes to. Exact.
struct Amounts {
    std::optional<Decimal> net;
    std::optional<Decimal> vat;
    std::optional<Decimal> gross;
    bool operator==(const Amounts&) const = default;
};

struct Line {
    std::string description;
    std::optional<Decimal> quantity;
    std::optional<Decimal> unit_price;
    std::optional<Decimal> discount;  ///< taken off quantity × unit price
    std::optional<Decimal> vat_rate;  ///< per cent
    Amounts amounts;
    std::vector<Dimension> dimensions;
    bool operator==(const Line&) const = default;
};

/// What a person writes into a draft. Everything but the file is sent as it is.
struct Content {
    DocumentType type = DocumentType::invoice;
    std::string number;
    std::string description;
    std::string issue_date;  ///< YYYY-MM-DD; empty when there is none
    std::string due_date;
    std::string currency;  ///< ISO 4217, upper case
    std::optional<Supplier> supplier;
    Amounts totals;
    std::optional<Decimal> rounding;  ///< gross = net + VAT + rounding
    std::vector<Line> lines;
    std::vector<Dimension> dimensions;
    json::Value metadata = json::Object{};
    std::optional<EnvelopeFile> file;
    bool operator==(const Content&) const = default;
};

/// Whose settings a send goes by. Stored as the entity's number, 0 for the workspace's.
using WebhookScope = std::int64_t;
inline constexpr WebhookScope workspace_scope = 0;

/// Why the latest send did not end well.
struct SendError {
    std::string code;  ///< "http_error", "answer_timeout", "interrupted", …
    std::string message;
    std::optional<int> status;
    Timestamp at;
    bool operator==(const SendError&) const = default;
};

/// What sending came to so far.
struct Sending {
    std::uint32_t attempts = 0;         ///< ever; also the number of the one under way
    std::optional<WebhookScope> scope;  ///< of the latest attempt
    /// Attempts since a person last asked, and when the first of them began: what retries count.
    std::uint32_t round_attempts = 0;
    std::optional<Timestamp> round_started;
    std::string reference;  ///< the accounting system's
    std::optional<SendError> error;
    bool operator==(const Sending&) const = default;
};

/// One accounting document. Changed only by the state machine.
struct Document {
    DocumentId id;
    std::int64_t workspace_no = 0;
    std::int64_t no = 0;  ///< the store's row, 0 before it has one
    std::int64_t entity_no = 0;
    DocumentState state = DocumentState::draft;
    Timestamp created_at;
    Timestamp updated_at;
    std::optional<Timestamp> validated_at;
    std::optional<Timestamp> sent_at;     ///< the latest success
    std::optional<Timestamp> started_at;  ///< of the attempt under way
    std::optional<Timestamp> due_at;      ///< of the next attempt that is made by itself
    std::int64_t version = 1;
    std::uint32_t revision = 1;  ///< of the content: one more after each validated edit
    Content content;
    Sending sending;
    bool operator==(const Document&) const = default;
};

}  // namespace blotter::documents
