#include "documents/codec.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_reader.hpp"
#include "documents/content_json.hpp"

namespace blotter::documents {
namespace {

json::Value error_to(const SendError& error) {
    json::Object out{
        {"code", error.code}, {"message", error.message}, {"at", to_rfc3339(error.at)}};
    if (error.status) out.append("status", *error.status);
    return out;
}

std::optional<SendError> error_from(const json::Value& value) {
    if (value.is_null()) return std::nullopt;
    json::ObjectReader in{value};
    SendError out;
    out.code = in.text("code", 64);
    out.message = in.text("message", 8'192);
    out.at = in.time("at").value_or(Timestamp{});
    if (const auto status = in.integer_or("status", 0, 999, 0); status != 0)
        out.status = static_cast<int>(status);
    return out;
}

json::Value sending_to(const Sending& s) {
    json::Object out{{"attempts", std::uint64_t{s.attempts}},
                     {"round_attempts", std::uint64_t{s.round_attempts}},
                     {"reference", s.reference}};
    if (s.scope) out.append("scope", *s.scope);
    if (s.round_started) out.append("round_started", to_rfc3339(*s.round_started));
    if (s.error) out.append("error", error_to(*s.error));
    return out;
}

Result<Sending> sending_from(const json::Value& value) {
    json::ObjectReader in{value};
    Sending out;
    out.attempts = static_cast<std::uint32_t>(in.integer_or("attempts", 0, UINT32_MAX, 0));
    out.round_attempts =
        static_cast<std::uint32_t>(in.integer_or("round_attempts", 0, UINT32_MAX, 0));
    out.reference = in.text_or("reference", 1'024, "");
    if (in.has("scope")) out.scope = in.integer_or("scope", 0, INT64_MAX, 0);
    out.round_started = in.time("round_started");
    out.error = error_from(in.object("error"));
    CHECK(in.finish());
    return out;
}

void time_if(json::Object& out, const char* name, const std::optional<Timestamp>& at) {
    if (at) out.append(name, to_rfc3339(*at));
}

void append_sending(json::Object& out, const Document& document) {
    const Sending& sending = document.sending;
    out.append("request_id", request_id_of(document));
    out.append("attempts", std::uint64_t{sending.attempts});
    if (!sending.reference.empty()) {
        out.append("reference", sending.reference);
        out.append("reference_label", reference_label(document));
    }
    if (sending.error) out.append("last_error", error_to(*sending.error));
    time_if(out, "next_attempt_at", document.due_at);
}

void append_state(json::Object& out, const Document& document) {
    out.append("id", document.id.text());
    out.append("status", to_text(document.state));
    out.append("revision", std::uint64_t{document.revision});
    out.append("created_at", to_rfc3339(document.created_at));
    out.append("updated_at", to_rfc3339(document.updated_at));
    time_if(out, "validated_at", document.validated_at);
    time_if(out, "sent_at", document.sent_at);
}

}  // namespace

Result<DocumentRequest> parse_request(const json::Value& body, std::size_t metadata_bytes_max) {
    json::ObjectReader in{body};
    DocumentRequest out;
    out.entity_id = in.text_or("entity_id", 64, "");
    out.file_id = in.text_or("file_id", 64, "");
    TRY(out.content, read_content(in));
    CHECK(in.finish());
    if (json::to_text(out.content.metadata).size() > metadata_bytes_max)
        return fail(Errc::too_large,
                    fmt::format("metadata has at most {} bytes", metadata_bytes_max), "/metadata");
    return out;
}

json::Value to_stored(const Document& document) {
    json::Object content;
    append_content(content, document.content);
    return json::Object{{"content", std::move(content)},
                        {"revision", std::uint64_t{document.revision}},
                        {"sending", sending_to(document.sending)}};
}

Result<> from_stored(const json::Value& stored, Document& into) {
    json::ObjectReader in{stored};
    into.revision = static_cast<std::uint32_t>(in.integer_or("revision", 1, UINT32_MAX, 1));
    const json::Value& content = in.object("content");
    TRY(into.sending, sending_from(in.object("sending")));
    CHECK(in.finish());
    json::ObjectReader inner{content, "/content"};
    const json::Value& file = inner.object("file");
    TRY(into.content, read_content(inner));
    if (!file.is_null()) {
        TRY(into.content.file, read_file(file));
    }
    return inner.finish();
}

json::Value to_view(const Document& document) {
    json::Object out;
    append_state(out, document);
    time_if(out, "sending_since", document.started_at);
    append_content(out, document.content);
    append_sending(out, document);
    out.append("version", document.version);
    return out;
}

json::Value event_view(const Document& document, EventType type) {
    json::Object out;
    append_state(out, document);
    const Content& content = document.content;
    if (type == EventType::document_validated) {
        append_content(out, content);
    } else {
        out.append("type", to_text(content.type));
        out.append("number", content.number);
        out.append("currency", content.currency);
        if (content.totals.gross) out.append("gross_total", content.totals.gross->to_text());
        if (content.supplier)
            out.append("supplier", json::Object{{"reference_id", content.supplier->reference_id},
                                                {"name", content.supplier->name}});
        append_sending(out, document);
    }
    if (type == EventType::document_post_failed)
        out.append("outcome", document.state == DocumentState::unknown ? "unknown" : "failed");
    return out;
}

std::string reference_label(const Document& document) {
    if (document.sending.reference.empty()) return {};
    return "Ref: " + document.sending.reference;
}

}  // namespace blotter::documents
