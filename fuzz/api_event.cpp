// JSON intake: events, envelopes, destinations and schemas as callers post them.
#include "api/event_request.hpp"
#include "api/merge_patch.hpp"
#include "base/utf8.hpp"
#include "envelopes/codec.hpp"
#include "fuzz/target.hpp"
#include "intake/event_schemas.hpp"

namespace blotter::fuzz {
namespace {

using namespace api;

constexpr Timestamp now = from_ms(1'779'805'920'000);

const EventRules& rules() {
    static const EventRules made = [] {
        EventRules out;
        out.workspace_no = 1;
        out.now = now;
        out.hash = Hash::always;
        routing::WorkspaceFacts workspace;
        workspace.no = 1;
        EntityId entity;
        entity.value[15] = 7;
        out.directory = std::make_shared<const routing::Directory>(
            routing::Directory{}
                .with(std::move(workspace))
                .with(routing::EntityFacts{3, entity, 1, "LYON", "Lyon SAS"}));
        return out;
    }();
    return made;
}

void check_error(const Error& error) {
    INVARIANT(!error.detail.empty() && !find_invalid_utf8(error.detail));
    INVARIANT(error.pointer.empty() || error.pointer.starts_with('/'));
}

void check_event(const json::Value& given) {
    json::Value body = given;
    const auto event = read_event(body, rules());
    if (!event) return check_error(event.error());
    INVARIANT(event->hash);
    INVARIANT(event->draft.occurred_at <= now + clock_difference_max);
    const auto judged = intake::check_event_data(event->draft.type, event->draft.data);
    INVARIANT(judged.has_value() || event->suspicion);
    if (event->suspicion) {
        INVARIANT(event->suspicion->pointer.starts_with("/data"));
        INVARIANT(json::parse(event->text).value() == given);
    }
    // The same event is the same, spaced or not.
    json::Value again = json::parse(json::to_pretty_text(given)).value();
    const auto second = read_event(again, rules());
    INVARIANT(second && second->hash == event->hash && second->draft.data == event->draft.data);
}

void check_envelope(const json::Value& body) {
    const auto request = envelopes::parse_request(body, 16 * 1024);
    if (!request) return check_error(request.error());
    // Stored and read again, it is the same.
    Envelope envelope = request->envelope;
    for (std::size_t i = 0; i < envelope.recipients.size(); ++i)
        envelope.recipients[i].id.value[15] = static_cast<std::uint8_t>(i + 1);
    // The rest is in columns of its own.
    Envelope again = envelope;
    again.recipients.clear();
    again.files.clear();
    const auto stored = json::parse(json::to_text(envelopes::to_document(envelope)));
    INVARIANT(stored && envelopes::from_document(*stored, again) && again == envelope);
    INVARIANT(envelopes::to_document(again) == *stored);
}

void check_destination(const json::Value& config) {
    Destination destination;
    const auto read = config_from_json(config, destination);
    if (!read) return check_error(read.error());
    const json::Value stored = config_to_json(destination);
    Destination again;
    INVARIANT(config_from_json(stored, again) && config_to_json(again) == stored);
    INVARIANT(again == destination);
}

void check_schema(const json::Value& schema, const json::Value& document) {
    const auto check = intake::SchemaCheck::compile(schema);
    if (!check) return check_error(check.error());
    const auto verdict = check->check(document);
    if (verdict) return;
    INVARIANT(verdict.error().code == Errc::quarantined);
    check_error(verdict.error());
}

void check_patch(const json::Value& target, const json::Value& patch) {
    const json::Value once = merge_patch(target, patch);
    const json::Value twice = merge_patch(once, patch);
    INVARIANT(json::to_text(once) == json::to_text(twice));
    if (patch.as_object() == nullptr) INVARIANT(once == patch);
    if (target.as_object() != nullptr) INVARIANT(merge_patch(target, json::Object{}) == target);
}

}  // namespace

/// Any document. Those that are lists are taken apart: [schema, document].
void run(std::string_view input) {
    const auto value = json::parse(input);
    if (!value) return;
    if (const json::Array* items = value->as_array(); items != nullptr && items->size() == 2) {
        check_schema((*items)[0], (*items)[1]);
        check_patch((*items)[0], (*items)[1]);
    }
    check_event(*value);
    check_envelope(*value);
    check_destination(*value);
}

}  // namespace blotter::fuzz
