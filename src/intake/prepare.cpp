#include "intake/prepare.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace blotter::intake {

namespace {

/// Of an envelope that another application keeps, by the id that it has there: 62 bits of a hash
/// under a bit that no envelope's number has. Two that meet by chance only wait for each other.
std::optional<std::int64_t> foreign_order_key(std::int64_t workspace_no, const json::Value& data) {
    const json::Value* id = data.at_pointer("/envelope/id");
    const std::string* text = id == nullptr ? nullptr : id->as_string();
    if (text == nullptr || text->empty()) return std::nullopt;
    const Digest hash = sha256(fmt::format("{}/{}", workspace_no, *text));
    std::uint64_t key = 0;
    for (std::size_t i = 0; i < sizeof key; ++i) key = key << 8 | hash[i];
    constexpr std::uint64_t mark = std::uint64_t{1} << 62;
    return static_cast<std::int64_t>((key & (mark - 1)) | mark);
}

}  // namespace

Described describe(const routing::Directory& directory, const routing::WorkspaceFacts& workspace,
                   const EventDraft& draft, runtime::Entropy& entropy, Timestamp now) {
    Described out;
    out.facts = std::make_shared<connectors::EventFacts>();
    connectors::EventFacts& facts = *out.facts;
    facts.id = draft.id.value_or(EventId{});
    if (!draft.id) facts.id = entropy.id<EventId>(now);
    facts.type = draft.type;
    facts.occurred_at = draft.occurred_at;
    facts.workspace_no = workspace.no;
    facts.workspace_id = workspace.id.text();
    facts.envelope_no = draft.envelope_no;
    out.entity_nos = draft.entity_nos;
    routing::NamedEntities named =
        routing::entities_in_metadata(directory, workspace.no, draft.data);
    out.unclear_keys = std::move(named.unclear_keys);
    for (const std::int64_t no : named.nos)
        if (std::ranges::find(out.entity_nos, no) == out.entity_nos.end())
            out.entity_nos.push_back(no);
    if (!out.entity_nos.empty())
        if (const auto* entity = directory.entity(workspace.no, out.entity_nos.front()))
            facts.entity_id = entity->id.text();
    if (!draft.envelope_no) facts.order_key = foreign_order_key(workspace.no, draft.data);
    out.plan = routing::plan(
        directory, {workspace.no, draft.type, draft.occurred_at, &out.entity_nos, &draft.data});
    return out;
}

void seal(Prepared& event, const json::Value& data, security::Vault& vault,
          const security::DataKey& key, const WorkspaceId& workspace) {
    connectors::EventFacts& facts = *event.described.facts;
    facts.payload = std::make_shared<const std::string>(connectors::canonical_payload(facts, data));
    const ByteView payload = as_bytes(*facts.payload);
    event.sealed = vault.seal_payload(key, event_cell(workspace, facts.id), payload);
    event.commitment = vault.commit(key, payload);
}

bool is_preparable(const EventDraft& draft) {
    return !draft.id && !draft.envelope && !draft.document;
}

std::unique_ptr<Prepared> prepare(Keyring& keys, runtime::Entropy& entropy,
                                  const routing::DirectoryPtr& directory, std::int64_t workspace_no,
                                  EventDraft& draft, Timestamp now) {
    const routing::WorkspaceFacts* workspace = directory->workspace(workspace_no);
    if (!is_preparable(draft) || workspace == nullptr) return nullptr;
    if (!keys.can_make_subjects(workspace->id, now)) return nullptr;
    auto out = std::make_unique<Prepared>();
    out->directory = directory;
    out->described = describe(*directory, *workspace, draft, entropy, now);
    auto key = keys.make_subject(workspace->id, out->described.facts->id.value);
    if (!key) return nullptr;
    out->wrapped_key = std::move(key->wrapped);
    seal(*out, draft.data, keys.vault(), key->key, workspace->id);
    const auto enough = [&](const routing::TargetPtr& target) {
        return connectors::is_payload_enough(target->destination, draft.type);
    };
    if (std::ranges::all_of(out->described.plan.targets, enough)) draft.data = json::Value{};
    return out;
}

}  // namespace blotter::intake
