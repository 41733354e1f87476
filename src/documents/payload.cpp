#include "documents/payload.hpp"

#include <fmt/format.h>

#include "base/invariant.hpp"
#include "documents/machine.hpp"

namespace blotter::documents {
namespace {

json::Value text_or_null(const std::string& text) {
    if (text.empty()) return nullptr;
    return text;
}
json::Value decimal_or_null(const std::optional<Decimal>& value) {
    if (!value) return nullptr;
    return value->to_text();
}

json::Value dimensions_of(const std::vector<Dimension>& dimensions) {
    json::Array out;
    for (const Dimension& d : dimensions)
        out.push_back(json::Object{
            {"type", d.type}, {"referenceId", d.reference_id}, {"name", text_or_null(d.name)}});
    return out;
}

json::Value line_of(const Line& line, std::size_t number) {
    return json::Object{{"lineNumber", std::uint64_t{number}},
                        {"description", text_or_null(line.description)},
                        {"quantity", decimal_or_null(line.quantity)},
                        {"unitPrice", decimal_or_null(line.unit_price)},
                        {"discount", decimal_or_null(line.discount)},
                        {"vatRate", decimal_or_null(line.vat_rate)},
                        {"netAmount", decimal_or_null(line.amounts.net)},
                        {"vatAmount", decimal_or_null(line.amounts.vat)},
                        {"grossAmount", decimal_or_null(line.amounts.gross)},
                        {"dimensions", dimensions_of(line.dimensions)}};
}

json::Value supplier_of(const std::optional<Supplier>& supplier) {
    if (!supplier) return nullptr;
    return json::Object{{"referenceId", supplier->reference_id},
                        {"name", text_or_null(supplier->name)},
                        {"taxId", text_or_null(supplier->tax_id)}};
}

void append_file(json::Object& out, const Document& document, const PayloadContext& context) {
    const auto& file = document.content.file;
    if (!file) {
        out.append("fileUrl", nullptr);
        out.append("file", nullptr);
        return;
    }
    out.append("fileUrl",
               fmt::format("{}/v1/documents/{}/file", context.public_url, document.id.text()));
    out.append("file", json::Object{{"name", file->name},
                                    {"mediaType", file->media_type},
                                    {"bytes", file->bytes},
                                    {"sha256", file->sha256}});
}

Decimal decimal(std::string_view text) {
    const auto parsed = Decimal::parse(text);
    INVARIANT(parsed.has_value());
    return *parsed;
}

}  // namespace

json::Value make_payload(const Document& document, const PayloadContext& context) {
    const Content& content = document.content;
    json::Array lines;
    for (const Line& line : content.lines) lines.push_back(line_of(line, lines.size() + 1));
    json::Object out;
    out.append("requestId", request_id_of(document));
    out.append("test", false);
    out.append("documentId", document.id.text());
    out.append("revision", std::uint64_t{document.revision});
    out.append("workspaceId", context.workspace.text());
    out.append("entity", json::Object{{"id", context.entity.text()},
                                      {"referenceId", context.entity_reference},
                                      {"name", context.entity_name}});
    out.append("type", to_text(content.type));
    out.append("number", content.number);
    out.append("description", text_or_null(content.description));
    out.append("issueDate", content.issue_date);
    out.append("dueDate", text_or_null(content.due_date));
    out.append("currency", content.currency);
    out.append("supplier", supplier_of(content.supplier));
    out.append("netTotal", decimal_or_null(content.totals.net));
    out.append("vatTotal", decimal_or_null(content.totals.vat));
    out.append("rounding", decimal_or_null(content.rounding));
    out.append("grossTotal", decimal_or_null(content.totals.gross));
    out.append("dimensions", dimensions_of(content.dimensions));
    out.append("lines", std::move(lines));
    out.append("metadata", content.metadata);
    append_file(out, document, context);
    out.append("validatedAt", to_rfc3339(document.validated_at.value_or(document.updated_at)));
    return out;
}

json::Value make_sample_payload(const PayloadContext& context, std::string request_id) {
    Document sample = example_document();
    sample.content.number = "TEST";
    sample.content.description = "A test of the webhook. Do not post it.";
    sample.content.file.reset();
    json::Value out = make_payload(sample, context);
    out.as_object()->set("requestId", std::move(request_id));
    out.as_object()->set("test", true);
    return out;
}

constexpr std::string_view schema_text = R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "A validated document",
  "definitions": {
    "amount": {"type": "string",
      "description": "An exact decimal number, for example \"12500.10\".", "maxLength": 40},
    "amountOrNull": {"type": ["string", "null"], "maxLength": 40},
    "textOrNull": {"type": ["string", "null"]},
    "dimensions": {"type": "array", "items": {
      "type": "object", "additionalProperties": false, "required": ["type", "referenceId", "name"],
      "properties": {"type": {"type": "string",
        "description": "For example cost_center, vat_code, posting_account."},
                     "referenceId": {"type": "string"},
                       "name": {"$ref": "#/definitions/textOrNull"}}}}
  },
  "type": "object",
  "additionalProperties": false,
  "required": ["requestId", "test", "documentId", "revision", "workspaceId", "entity", "type",
    "number", "description",
               "issueDate", "dueDate", "currency", "supplier", "netTotal", "vatTotal", "rounding",
                 "grossTotal",
               "dimensions", "lines", "metadata", "fileUrl", "file", "validatedAt"],
  "properties": {
    "requestId": {"type": "string",
      "description": "The same on every attempt, and in the header Idempotency-Key: post it once."},
    "test": {"type": "boolean",
      "description": "True for what the test button sends: do not post it."},
    "documentId": {"type": "string"},
    "revision": {"type": "integer", "minimum": 1,
      "description": "One more after each correction of a document that was not posted."},
    "workspaceId": {"type": "string"},
    "entity": {"type": "object", "additionalProperties": false, "required": ["id", "referenceId",
      "name"],
      "properties": {"id": {"type": "string"}, "referenceId": {"type": "string"},
        "name": {"type": "string"}}},
    "type": {"enum": ["invoice", "credit_note", "receipt", "expense", "other"]},
    "number": {"type": "string"},
    "description": {"$ref": "#/definitions/textOrNull"},
    "issueDate": {"type": "string", "description": "YYYY-MM-DD"},
    "dueDate": {"$ref": "#/definitions/textOrNull"},
    "currency": {"type": "string", "minLength": 3, "maxLength": 3},
    "supplier": {"type": ["object", "null"], "additionalProperties": false,
      "required": ["referenceId", "name", "taxId"],
      "properties": {"referenceId": {"type": "string"},
        "name": {"$ref": "#/definitions/textOrNull"},
          "taxId": {"$ref": "#/definitions/textOrNull"}}},
    "netTotal": {"$ref": "#/definitions/amount"},
    "vatTotal": {"$ref": "#/definitions/amount"},
    "rounding": {"$ref": "#/definitions/amountOrNull"},
    "grossTotal": {"$ref": "#/definitions/amount"},
    "dimensions": {"$ref": "#/definitions/dimensions"},
    "lines": {"type": "array", "minItems": 1, "items": {
      "type": "object", "additionalProperties": false,
      "required": ["lineNumber", "description", "quantity", "unitPrice", "discount", "vatRate",
        "netAmount", "vatAmount", "grossAmount", "dimensions"],
      "properties": {"lineNumber": {"type": "integer", "minimum": 1},
        "description": {"$ref": "#/definitions/textOrNull"},
        "quantity": {"$ref": "#/definitions/amountOrNull"},
          "unitPrice": {"$ref": "#/definitions/amountOrNull"},
        "discount": {"$ref": "#/definitions/amountOrNull"},
          "vatRate": {"$ref": "#/definitions/amountOrNull"},
        "netAmount": {"$ref": "#/definitions/amount"},
          "vatAmount": {"$ref": "#/definitions/amount"},
        "grossAmount": {"$ref": "#/definitions/amount"},
          "dimensions": {"$ref": "#/definitions/dimensions"}}}},
    "metadata": {"type": "object"},
    "fileUrl": {"type": ["string", "null"],
      "description": "Where to get the file with the same API key; null: there is no file."},
    "file": {"type": ["object", "null"], "additionalProperties": false, "required": ["name",
      "mediaType", "bytes", "sha256"],
      "properties": {"name": {"type": "string"}, "mediaType": {"type": "string"},
        "bytes": {"type": "integer"}, "sha256": {"type": "string"}}},
    "validatedAt": {"type": "string", "format": "date-time"}
  }
})json";

std::string_view payload_schema() {
    return schema_text;
}

Document example_document() {
    Document out;
    out.id = *DocumentId::parse("doc_01KSJ4V5RV0000000000000001");
    out.state = DocumentState::validated;
    out.validated_at = *parse_rfc3339("2026-05-26T14:32:00Z");
    Content& content = out.content;
    content.number = "INV-2026-0042";
    content.description = "Summer campaign";
    content.issue_date = "2026-05-26";
    content.due_date = "2026-06-25";
    content.currency = "EUR";
    content.supplier = Supplier{"F-2891", "Example Supplies", "FR00123456789"};
    Line line;
    line.description = "Printing";
    line.quantity = decimal("2.5");
    line.unit_price = decimal("5000.04");
    line.vat_rate = decimal("20");
    line.amounts = {decimal("12500.10"), decimal("2500.02"), decimal("15000.12")};
    line.dimensions = {{"posting_account", "607000", "Purchases"}, {"vat_code", "FR20", "20 %"}};
    content.lines = {line};
    content.totals = line.amounts;
    content.dimensions = {{"cost_center", "CC-10", "Marketing"}};
    content.metadata = json::Object{{"type", "contrat_fournisseur"}};
    EnvelopeFile file;
    file.id = *FileId::parse("file_01KSJ4V5RV0000000000000001");
    file.name = "invoice.pdf";
    file.media_type = "application/pdf";
    file.bytes = 48'213;
    file.sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    content.file = file;
    return out;
}

PayloadContext example_context() {
    return {*WorkspaceId::parse("ws_01KSJ4V5RV0000000000000001"),
            *EntityId::parse("ent_01KSJ4V5RV0000000000000001"), "FR-SUB-1", "Example France",
            "https://blotter.example.com"};
}

}  // namespace blotter::documents
