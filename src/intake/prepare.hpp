#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/event_body.hpp"
#include "intake/keyring.hpp"
#include "model/event.hpp"
#include "routing/directory.hpp"
#include "routing/plan.hpp"
#include "runtime/entropy.hpp"

namespace blotter::intake {

/// What an event is and who gets it, under one configuration.
struct Described {
    /// Without number, time of acceptance and data, which the event gets when it is written.
    std::shared_ptr<connectors::EventFacts> facts;
    std::vector<std::int64_t> entity_nos;   ///< the draft's, then those that its metadata names
    std::vector<std::string> unclear_keys;  ///< metadata that names no entity
    routing::Plan plan;
};

/// All of an event that can be made before its place in the ledger is known. There is one writer
/// and there are many loops, so what can be made beside the writer is.
struct Prepared {
    /// What it was made under: under another configuration it does not hold. Null: made in place.
    routing::DirectoryPtr directory{};
    Described described{};
    Bytes wrapped_key{};  ///< of a subject of its own, to be stored with it; empty: stored already
    Bytes sealed{};       ///< the canonical payload
    Digest commitment{};  ///< to that payload
};

/// Any thread. `now` orders the id, when it is drawn here.
Described describe(const routing::Directory& directory, const routing::WorkspaceFacts& workspace,
                   const EventDraft& draft, runtime::Entropy& entropy, Timestamp now);

/// Writes the payload from the description and `data`, seals it and commits to it. On the thread
/// of `vault`.
void seal(Prepared& event, const json::Value& data, security::Vault& vault,
          const security::DataKey& key, const WorkspaceId& workspace);

/// Whether an event's key can be made without asking the store: its id is drawn here, and it
/// belongs to no envelope and no document that is kept here.
bool is_preparable(const EventDraft& draft);

/// Null when the draft is not preparable, or when `keys`, those of the calling thread, have none
/// for the workspace or one that is due for replacement: the writer makes the event then. The
/// draft's data must not change any more; it is taken away at once, on the thread that made it,
/// where the payload is all that anybody needs.
std::unique_ptr<Prepared> prepare(Keyring& keys, runtime::Entropy& entropy,
                                  const routing::DirectoryPtr& directory, std::int64_t workspace_no,
                                  EventDraft& draft, Timestamp now);

}  // namespace blotter::intake
