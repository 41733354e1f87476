#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/route.hpp"
#include "api/stored_files.hpp"

namespace blotter::api {

/// A file that is to become part of an envelope.
struct Attachment {
    FileId file;
    FileKind kind = FileKind::attachment;
    std::string pointer;  ///< where the request names it
};

/// An audit trail whose bytes are stored; it belongs to one version of its envelope.
struct WrittenTrail {
    NewFile file;
    std::int64_t version = 0;
};

/// Writes the audit trail that an envelope would lack once the files are attached; nothing when it
/// would lack none, or when the files cannot be attached: saying so is left to the attempt to do
/// it. Slow work runs on the offload threads.
runtime::Task<Result<std::optional<WrittenTrail>>> write_missing_trail(
    Services& services, Call& call, EnvelopeId id, std::vector<Attachment> attachments);

}  // namespace blotter::api
