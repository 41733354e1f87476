#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/short_text.hpp"
#include "base/time.hpp"

namespace blotter {

/// 16 bytes, a UUIDv7 (RFC 9562 section 5.7) when made by us: sortable by creation time.
using Uuid = std::array<std::uint8_t, 16>;

/// Crockford base32 of the 16 bytes: 26 characters, upper case, same order as the bytes.
std::string to_base32(const Uuid& id);
using Base32 = std::array<char, 26>;
/// The same without an allocation.
Base32 base32_of(const Uuid& id);
Result<Uuid> from_base32(std::string_view text);

/// Builds a UUIDv7 from a wall-clock time and ten random bytes.
Uuid make_uuid7(Timestamp at, std::span<const std::uint8_t, 10> random);
/// The creation time inside a UUIDv7.
Timestamp time_of(const Uuid& id);

/// An identifier of one kind of thing. Two kinds never convert into each other.
/// In text: prefix, "_", 26 base32 characters, for example "evt_01J9ZC3M4N…".
template <typename Tag>
struct Id {
    Uuid value{};

    static constexpr std::string_view prefix = Tag::prefix;

    std::string text() const { return std::string{short_text().view()}; }
    /// The same without an allocation.
    ShortText<prefix.size() + 27> short_text() const {
        const Base32 digits = base32_of(value);
        ShortText<prefix.size() + 27> out;
        char* at = out.room();
        at += prefix.copy(at, prefix.size());
        *at++ = '_';
        std::copy(digits.begin(), digits.end(), at);
        out.set_size(prefix.size() + 27);
        return out;
    }
    bool is_nil() const { return value == Uuid{}; }
    ByteView bytes() const { return value; }

    static Result<Id> parse(std::string_view text) {
        const bool shaped = text.size() == prefix.size() + 27 && text.starts_with(prefix) &&
                            text[prefix.size()] == '_';
        if (!shaped) return wrong(text);
        auto value = from_base32(text.substr(prefix.size() + 1));
        if (!value) return wrong(text);
        return Id{*value};
    }
    /// From 16 stored bytes.
    static Result<Id> from_bytes(ByteView bytes) {
        if (bytes.size() != 16) return fail(Errc::corrupt, "a stored id is not 16 bytes long");
        Id id;
        std::copy(bytes.begin(), bytes.end(), id.value.begin());
        return id;
    }

    auto operator<=>(const Id&) const = default;

  private:
    static std::unexpected<Error> wrong(std::string_view text) {
        return fail(Errc::malformed, "'" + std::string{text.substr(0, 64)} +
                                         "' is not an id of the form " + std::string{prefix} +
                                         "_… (26 characters after the _)");
    }
};

struct WorkspaceTag {
    static constexpr std::string_view prefix = "ws";
};
struct EntityTag {
    static constexpr std::string_view prefix = "ent";
};
struct EnvelopeTag {
    static constexpr std::string_view prefix = "env";
};
struct RecipientTag {
    static constexpr std::string_view prefix = "rcp";
};
struct FileTag {
    static constexpr std::string_view prefix = "file";
};
struct EventTag {
    static constexpr std::string_view prefix = "evt";
};
struct DestinationTag {
    static constexpr std::string_view prefix = "dst";
};
struct DeliveryTag {
    static constexpr std::string_view prefix = "dlv";
};
struct AlertTag {
    static constexpr std::string_view prefix = "alr";
};
struct ApiKeyTag {
    static constexpr std::string_view prefix = "key";
};
struct RequestTag {
    static constexpr std::string_view prefix = "req";
};
struct ReplayTag {
    static constexpr std::string_view prefix = "rpl";
};
struct QuarantineTag {
    static constexpr std::string_view prefix = "qrn";
};
struct DocumentTag {
    static constexpr std::string_view prefix = "doc";
};
struct SlackConnectionTag {
    static constexpr std::string_view prefix = "slc";
};
struct SlackMessageTag {
    static constexpr std::string_view prefix = "slm";
};

using WorkspaceId = Id<WorkspaceTag>;
using EntityId = Id<EntityTag>;
using EnvelopeId = Id<EnvelopeTag>;
using RecipientId = Id<RecipientTag>;
using FileId = Id<FileTag>;
using EventId = Id<EventTag>;
using DestinationId = Id<DestinationTag>;
using DeliveryId = Id<DeliveryTag>;
using AlertId = Id<AlertTag>;
using ApiKeyId = Id<ApiKeyTag>;
using RequestId = Id<RequestTag>;
using ReplayId = Id<ReplayTag>;
using QuarantineId = Id<QuarantineTag>;
using DocumentId = Id<DocumentTag>;
using SlackConnectionId = Id<SlackConnectionTag>;
using SlackMessageId = Id<SlackMessageTag>;

}  // namespace blotter

template <typename Tag>
struct std::hash<blotter::Id<Tag>> {
    std::size_t operator()(const blotter::Id<Tag>& id) const noexcept {
        // The last eight bytes of a UUIDv7 are random: they are the hash.
        std::uint64_t low = 0;
        for (std::size_t i = 8; i < 16; ++i) low = low << 8 | id.value[i];
        return static_cast<std::size_t>(low);
    }
};
