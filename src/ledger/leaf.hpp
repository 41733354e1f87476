#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "ledger/checkpoint.hpp"

/// Leaves: the exact bytes of a log entry. Pure.
namespace blotter::ledger {

/// What a leaf records, from the table in leaf_kinds.def.
enum class LeafKind : std::uint8_t {
#define X(name, text, members) name,
#include "ledger/leaf_kinds.def"
#undef X
};

std::string_view to_text(LeafKind kind);
std::optional<LeafKind> parse_leaf_kind(std::string_view text);

/// Integers are exact in every JSON reader: at most 2^53 − 1 on either side of zero.
inline constexpr std::int64_t leaf_integer_max = (std::int64_t{1} << 53) - 1;
inline constexpr std::size_t leaf_members_max = 32;
inline constexpr std::int64_t leaf_version = 1;

using LeafValue = std::variant<std::int64_t, std::string>;

/// One entry of a log. The bytes are UTF-8 JSON in the canonical form of RFC 8785, one object of
/// integers and strings, at most 65,535 bytes.
///
/// A log cannot be rewritten, so a leaf holds no personal data: `tenant` is a pseudonym, and what
/// was accepted or changed appears only as a commitment whose key is kept elsewhere.
struct Leaf {
    LeafKind kind = LeafKind::event_accepted;
    Timestamp at{};            ///< "at"
    std::uint64_t number = 0;  ///< "n": the index of this entry in its log
    std::string tenant;        ///< "t"
    /// The members beyond at, k, n, t, v: those that the kind requires (leaf_kinds.def) and others.
    /// Names are a–z, 0–9 and _, and start with a letter.
    std::map<std::string, LeafValue, std::less<>> members{};

    bool operator==(const Leaf&) const = default;
};

/// The exact bytes. `invalid_argument` when the leaf breaks one of its rules, `too_large` past
/// 65,535 bytes.
Result<Bytes> to_entry(const Leaf& leaf);
/// Reads exactly what `to_entry` writes; anything else (another order, spaces, escapes that are
/// not canonical, unknown kinds or versions) is `malformed`.
Result<Leaf> parse_entry(ByteView entry);

/// `c`: HMAC-SHA-256 over the payload under a random 32-byte salt. Payload and salt live outside
/// the log; destroying the salt erases the payload's last trace, and the proofs stay valid.
Digest payload_commitment(std::span<const std::uint8_t, 32> salt, ByteView payload);

/// The members of an event.accepted leaf.
struct AcceptedEvent {
    EventId event;
    Digest commitment;
};
Leaf event_leaf(std::uint64_t number, Timestamp at, std::string tenant, const AcceptedEvent& event);
/// The bytes of that leaf, without making one: nearly all entries of a log are these.
Result<std::string> event_entry(std::uint64_t number, Timestamp at, std::string_view tenant,
                                const AcceptedEvent& event);
/// A leaf of the root log that names a workspace log's checkpoint.
Leaf checkpoint_leaf(std::uint64_t number, Timestamp at, std::string tenant,
                     const Checkpoint& checkpoint);
/// The first leaf of a log that goes on where another one cannot: it names that log's last
/// signed checkpoint and why.
Leaf log_forked_leaf(Timestamp at, std::string tenant, const Checkpoint& abandoned,
                     std::string reason);
/// Reads back what a checkpoint or log.forked leaf names.
Result<Checkpoint> checkpoint_in(const Leaf& leaf);

}  // namespace blotter::ledger
