#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/metadata_schemas.hpp"
#include "base/json_reader.hpp"
#include "intake/prepare.hpp"
#include "model/event.hpp"
#include "routing/directory.hpp"

namespace blotter::api {

/// How far a reported time may lie ahead: clocks differ.
inline constexpr Duration clock_difference_max = std::chrono::minutes{5};

/// A time that a caller reports, `now` when there is none. Refuses one too far in the future.
Timestamp read_reported_time(json::ObjectReader& in, std::string_view name, Timestamp now);

/// An event as a caller sent it, checked as far as that goes without the store.
struct PostedEvent {
    EventDraft draft;
    /// Over the event as compact JSON, so that the same event is the same whether it comes alone
    /// or in a batch, spaced or not.
    std::optional<Digest> hash;
    /// What is wrong with its data (Errc::quarantined with the place): it is set aside then.
    std::optional<Error> suspicion;
    std::string text;  ///< the whole event as JSON, only when it is suspicious
    /// What its data names that may be kept here: the ids have the form of ours.
    std::optional<EnvelopeId> envelope{};
    std::optional<DocumentId> document{};
    /// What could be made of it before the writer sees it: its data may be there only.
    std::unique_ptr<intake::Prepared> prepared{};
    /// The caller's Idempotency-Key.
    std::optional<std::string> key{};
};

enum class Hash : bool { when_it_has_an_id, always };

/// What an event is checked against. A value: may be used on any thread.
struct EventRules {
    std::int64_t workspace_no = 0;
    Timestamp now;
    routing::DirectoryPtr directory;
    MetadataSchemas::CheckPtr metadata;  ///< null: no rule
    Hash hash = Hash::when_it_has_an_id;
    /// Set when the request is so large that its metadata could be too large.
    std::optional<std::size_t> metadata_bytes_max{};
};

/// Reads {type, timestamp?, id?, entity_id?, data}; takes `data` out of `body`. Pointers begin at
/// the event. What is wrong inside of `data` is no error but a suspicion.
Result<PostedEvent> read_event(json::Value& body, const EventRules& rules);

}  // namespace blotter::api
