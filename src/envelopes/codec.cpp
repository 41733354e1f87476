#include "envelopes/codec.hpp"

#include <fmt/format.h>

#include "base/json_reader.hpp"
#include "envelopes/event_data.hpp"

namespace blotter::envelopes {
namespace {

constexpr std::size_t recipients_max = 100;
constexpr std::size_t files_max = 50;

json::Value presence_to(const Presence& p) {
    json::Object out;
    if (!p.ip.empty()) out.append("ip", p.ip);
    if (!p.user_agent.empty()) out.append("user_agent", p.user_agent);
    if (!p.method.empty()) out.append("method", p.method);
    return out;
}

Presence presence_from(const json::Value& value) {
    if (value.is_null()) return {};
    json::ObjectReader in{value};
    return {in.text_or("ip", 64, ""), in.text_or("user_agent", 1'024, ""),
            in.text_or("method", 64, "")};
}

json::Value recipient_to(const Recipient& r) {
    json::Value out = recipient_to_json(r);
    json::Object& object = *out.as_object();
    if (!r.phone.empty()) object.append("phone", r.phone);
    object.append("presence", presence_to(r.presence));
    return out;
}

Result<Recipient> recipient_from(const json::Value& value) {
    json::ObjectReader in{value};
    Recipient r;
    TRY(r.id, RecipientId::parse(in.text("id", 64)));
    r.name = in.text_or("name", 400, "");
    r.email = in.text_or("email", 400, "");
    r.phone = in.text_or("phone", 64, "");
    r.role = in.choice_or("role", parse_recipient_role, RecipientRole::signer);
    r.order = static_cast<std::uint32_t>(in.integer_or("order", 0, 1'000, 1));
    r.state = in.choice_or("status", parse_recipient_state, RecipientState::created);
    r.notified_at = in.time("notified_at");
    r.viewed_at = in.time("viewed_at");
    r.authenticated_at = in.time("authenticated_at");
    r.acted_at = in.time("acted_at");
    r.reason = in.text_or("reason", 4'096, "");
    r.presence = presence_from(in.object("presence"));
    CHECK(in.finish());
    return r;
}

json::Value file_to(const EnvelopeFile& f) {
    json::Value out = file_to_json(f);
    out.as_object()->append("kind", to_text(f.kind));
    return out;
}

Result<EnvelopeFile> file_from(const json::Value& value) {
    json::ObjectReader in{value};
    EnvelopeFile f;
    TRY(f.id, FileId::parse(in.text("file_id", 64)));
    f.kind = in.choice_or("kind", parse_file_kind, FileKind::original);
    f.name = in.text_or("name", 1'024, "");
    f.media_type = in.text_or("media_type", 256, "");
    f.bytes = static_cast<std::uint64_t>(in.integer_or("bytes", 0, INT64_MAX, 0));
    f.sha256 = in.text("sha256", 64);
    CHECK(in.finish());
    return f;
}

json::Value note_to(const EnvelopeNote& n) {
    json::Object out;
    out.append("at", to_rfc3339(n.at));
    out.append("what", n.what);
    if (n.recipient) out.append("recipient_id", n.recipient->text());
    if (n.presence != Presence{}) out.append("presence", presence_to(n.presence));
    if (!n.detail.empty()) out.append("detail", n.detail);
    return out;
}

Result<EnvelopeNote> note_from(const json::Value& value) {
    json::ObjectReader in{value};
    EnvelopeNote n;
    n.at = in.time("at").value_or(Timestamp{});
    n.what = in.text("what", 64);
    if (in.has("recipient_id")) {
        TRY(n.recipient, RecipientId::parse(in.text("recipient_id", 64)));
    }
    n.presence = presence_from(in.object("presence"));
    n.detail = in.text_or("detail", 4'096, "");
    CHECK(in.finish());
    return n;
}

template <typename T, typename Read>
Result<> read_items(const json::Array& items, Read read, std::vector<T>& into) {
    into.reserve(items.size());
    for (const json::Value& item : items) {
        TRY(T value, read(item));
        into.push_back(std::move(value));
    }
    return {};
}

template <typename T, typename Write>
json::Array write_items(const std::vector<T>& items, Write write) {
    json::Array out;
    out.reserve(items.size());
    for (const T& item : items) out.push_back(write(item));
    return out;
}

Result<Recipient> requested_recipient(const json::Value& value, std::size_t index) {
    json::ObjectReader in{value, fmt::format("/recipients/{}", index)};
    Recipient r;
    r.name = in.text("name", 200);
    r.email = in.text("email", 254);
    if (const auto at = r.email.find('@');
        at == 0 || at == std::string::npos || at + 1 == r.email.size())
        in.refuse("email", "'email' must be an address such as name@company.example");
    r.phone = in.text_or("phone", 32, "");
    r.role = in.choice_or("role", parse_recipient_role, RecipientRole::signer);
    r.order = static_cast<std::uint32_t>(in.integer_or("order", 1, 1'000, 1));
    CHECK(in.finish());
    return r;
}

}  // namespace

json::Value to_document(const Envelope& e) {
    json::Object out;
    out.append("v", 1);
    out.append("external_id", e.external_id);
    out.append("title", e.title);
    out.append("level", to_text(e.level));
    out.append("metadata", e.metadata);
    out.append("recipients", write_items(e.recipients, recipient_to));
    out.append("files", write_items(e.files, file_to));
    out.append("notes", write_items(e.notes, note_to));
    if (e.sent_at) out.append("sent_at", to_rfc3339(*e.sent_at));
    if (e.ended_at) out.append("ended_at", to_rfc3339(*e.ended_at));
    out.append("reason", e.reason);
    return out;
}

Result<> from_document(const json::Value& document, Envelope& into) {
    const auto damaged = [](const Error& error) {
        return fail(Errc::corrupt, "a stored envelope cannot be read: " + describe(error));
    };
    json::ObjectReader in{document};
    if (in.integer_or("v", 0, 1'000, 0) != 1)
        return fail(Errc::corrupt, "a stored envelope has a version this program does not know");
    into.external_id = in.text_or("external_id", 400, "");
    into.title = in.text_or("title", 1'024, "");
    into.level = in.choice_or("level", parse_signature_level, SignatureLevel::simple);
    into.metadata = in.object("metadata");
    if (into.metadata.is_null()) into.metadata = json::Object{};
    if (auto done = read_items(in.array("recipients", 10'000), recipient_from, into.recipients);
        !done)
        return damaged(done.error());
    if (auto done = read_items(in.array("files", 10'000), file_from, into.files); !done)
        return damaged(done.error());
    if (auto done = read_items(in.array("notes", 100'000), note_from, into.notes); !done)
        return damaged(done.error());
    into.sent_at = in.time("sent_at");
    into.ended_at = in.time("ended_at");
    into.reason = in.text_or("reason", 4'096, "");
    if (auto done = in.finish(); !done) return damaged(done.error());
    return {};
}

json::Value to_view(const Envelope& e) {
    json::Object out;
    out.append("id", e.id.text());
    if (!e.external_id.empty()) out.append("external_id", e.external_id);
    out.append("title", e.title);
    out.append("level", to_text(e.level));
    out.append("status", to_text(e.state));
    out.append("metadata", e.metadata);
    out.append("recipients", write_items(e.recipients, recipient_to));
    out.append("files", write_items(e.files, file_to));
    out.append("created_at", to_rfc3339(e.created_at));
    out.append("updated_at", to_rfc3339(e.updated_at));
    if (e.sent_at) out.append("sent_at", to_rfc3339(*e.sent_at));
    if (e.expires_at) out.append("expires_at", to_rfc3339(*e.expires_at));
    if (e.completed_at) out.append("completed_at", to_rfc3339(*e.completed_at));
    if (e.ended_at) out.append("ended_at", to_rfc3339(*e.ended_at));
    if (!e.reason.empty()) out.append("reason", e.reason);
    out.append("version", e.version);
    return out;
}

Result<EnvelopeRequest> parse_request(const json::Value& body, std::size_t metadata_bytes_max) {
    json::ObjectReader in{body};
    EnvelopeRequest out;
    Envelope& e = out.envelope;
    e.title = in.text("title", 400);
    e.external_id = in.text_or("external_id", 200, "");
    e.level = in.choice_or("level", parse_signature_level, SignatureLevel::simple);
    e.expires_at = in.time("expires_at");
    out.entity_id = in.text_or("entity_id", 64, "");
    if (const json::Value& metadata = in.object("metadata"); !metadata.is_null()) {
        e.metadata = metadata;
        if (const auto bytes = json::to_text(metadata).size(); bytes > metadata_bytes_max)
            in.refuse("metadata", fmt::format("'metadata' has {} bytes, at most {} are accepted",
                                              bytes, metadata_bytes_max));
    }
    const json::Array& recipients = in.array("recipients", recipients_max);
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        TRY(Recipient r, requested_recipient(recipients[i], i));
        e.recipients.push_back(std::move(r));
    }
    const json::Array& files = in.array("files", files_max);
    for (std::size_t i = 0; i < files.size(); ++i) {
        json::ObjectReader item{files[i], fmt::format("/files/{}", i)};
        EnvelopeRequest::FileReference file;
        file.file_id = item.text("file_id", 64);
        file.kind = item.choice_or("kind", parse_file_kind, FileKind::original);
        if (file.kind != FileKind::original && file.kind != FileKind::attachment)
            item.refuse("kind",
                        "a new envelope takes files of kind \"original\" or \"attachment\"");
        CHECK(item.finish());
        out.files.push_back(std::move(file));
    }
    CHECK(in.finish());
    return out;
}

}  // namespace blotter::envelopes
