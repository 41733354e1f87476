#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "connectors/connector.hpp"
#include "security/secret.hpp"

namespace blotter::connectors {

/// One posting to make. Whatever the kind, everything that leaves carries `request_id`, the same
/// on every attempt for a document, so that the other side can post it once.
struct PostingRequest {
    std::string request_id;
    json::Value payload;  ///< documents::make_payload
    std::string url;
    std::optional<security::Secret> api_key;
    /// Connections are shared under an equal key only: one entity's never carry another's.
    std::string session_key;
    Duration time_max{30'000};  ///< for everything, to the last byte of the answer
    std::uint32_t n = 1;
    Timestamp started_at;
};

struct PostingReport {
    AttemptReport attempt;
    /// Without an answer: whether the other side can have acted on the request.
    enum class Reached : std::uint8_t { no, maybe } reached = Reached::no;
};

/// A way into an accounting system. One object per loop; `post` may run many times at once.
class PostingConnector {
  public:
    virtual ~PostingConnector() = default;
    /// Makes exactly one posting. Never throws for what the other side does.
    virtual runtime::Task<PostingReport> post(PostingRequest request) = 0;
};

/// The connectors of one loop by kind: a route names one.
class PostingConnectors {
  public:
    virtual ~PostingConnectors() = default;
    /// Null when there is none of that kind.
    virtual PostingConnector* find(std::string_view kind) = 0;
};

}  // namespace blotter::connectors
