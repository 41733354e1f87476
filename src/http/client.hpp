#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/guard.hpp"
#include "http/message.hpp"
#include "runtime/loop.hpp"
#include "runtime/net.hpp"
#include "runtime/task_group.hpp"

namespace blotter::http {

enum class Scheme : std::uint8_t { http, https };

/// Whom to talk to, and how to know it is them.
struct OriginOptions {
    Scheme scheme = Scheme::https;
    std::string host;  ///< a DNS name, or an IP literal without brackets
    std::uint16_t port = 443;
    runtime::TlsVersion tls_min = runtime::TlsVersion::tls_1_3;
    std::string ca_pem;       ///< extra certificate authorities
    std::string session_key;  ///< connections and TLS sessions are shared under an equal key only
};

/// The other end of exchanges. Made once per destination and kept: it carries the key of the pool
/// and the Host field ready-made. Immutable; any thread.
class Origin {
  public:
    /// Refuses a host that is no DNS name or address, and port 0.
    static Result<std::shared_ptr<const Origin>> make(OriginOptions options);

    const OriginOptions& options() const { return options_; }
    /// Set when the host is an IP literal: nothing is resolved then.
    const std::optional<runtime::IpAddress>& address() const { return address_; }
    const std::string& pool_key() const { return pool_key_; }
    /// "POST /hook HTTP/1.1\r\nhost: a.example\r\n", the start of a request. `target` must be an
    /// absolute path in visible ASCII without '#', at most 8 KiB.
    Result<std::string> make_head(Method method, std::string_view target) const;

  private:
    Origin() = default;
    OriginOptions options_;
    std::optional<runtime::IpAddress> address_;
    std::string pool_key_;
    std::string host_field_;
};

/// A request in the form in which it goes out; its parts are written together in one go.
struct PreparedRequest {
    Method method = Method::post;
    /// From `Origin::make_head`, plus fields that are the same every time, each ended by CRLF.
    /// Shared so that it is built once per destination.
    std::shared_ptr<const std::string> head;
    /// Fields of this one request, each ended by CRLF (`append_field`). Content-Length and
    /// Connection are added by the client.
    std::string fields;
    std::shared_ptr<const std::string> body;  ///< null: none
};

/// Appends "name: value\r\n". `name` must be a token; control bytes of `value` become spaces.
void append_field(std::string& fields, std::string_view name, std::string_view value);

/// Decides about one address before it is connected to, and again before a pooled connection to it
/// is used. A failure is Errc::address_denied with the reason.
using AddressCheck = std::function<Result<>(const runtime::IpAddress&, std::uint16_t port)>;

/// Takes a large body piece by piece.
class BodySink {
  public:
    virtual ~BodySink() = default;
    /// A failure ends the exchange with that failure.
    virtual runtime::Task<Result<>> write(std::string_view piece) = 0;
};

struct ExchangeLimits {
    Duration resolve = std::chrono::seconds{2};
    Duration connect = std::chrono::seconds{5};
    Duration tls = std::chrono::seconds{5};
    Duration first_byte = std::chrono::seconds{15};  ///< after the request is written
    Duration total = std::chrono::seconds{30};       ///< everything, body included
    Duration rate_grace = std::chrono::seconds{5};   ///< then `rate_min` holds, head and body
    std::uint32_t rate_min = 32;                     ///< bytes per second
    std::uint64_t body_bytes_max = 64 * 1024;        ///< read at most, then the connection ends
    std::size_t body_bytes_kept = 64 * 1024;         ///< of those, kept in `Answer::body`
    HeadLimits head;
};

struct Exchange {
    std::shared_ptr<const Origin> origin;
    PreparedRequest request;
    AddressCheck check;  ///< must be set
    ExchangeLimits limits;
    /// When set, a 2xx body goes there instead of into `Answer::body`. Outlives the exchange.
    BodySink* sink = nullptr;
};

/// How far an exchange has come.
enum class Stage : std::uint8_t { resolve, vet, connect, tls, write, head, body };
std::string_view to_text(Stage stage);

/// How long the parts took; those that did not happen are zero.
struct Timings {
    std::chrono::nanoseconds resolve{};
    std::chrono::nanoseconds connect{};
    std::chrono::nanoseconds tls{};
    std::chrono::nanoseconds first_byte{};  ///< from the request's last byte
    std::chrono::nanoseconds total{};
};

/// What is known about the way, however far it went.
struct Facts {
    Timings timings;
    std::optional<runtime::Endpoint> remote;
    std::shared_ptr<const runtime::TlsInfo> tls;  ///< null when there was no handshake
    enum class Reused : bool { no, yes } reused = Reused::no;
};

enum class BodyEnd : std::uint8_t {
    complete,
    cut,        ///< longer than was to be read; the rest was not read
    broken,     ///< the connection ended early
    malformed,  ///< the chunks made no sense
    too_slow,   ///< a time limit ran out
};
std::string_view to_text(BodyEnd end);

/// An answer whose head came whole. The status decides, whatever became of the body: an answer
/// that was seen must not be asked for again.
struct Answer {
    int status = 0;
    Headers headers;
    std::string body;              ///< the first `body_bytes_kept` bytes
    std::uint64_t body_bytes = 0;  ///< how many were read
    BodyEnd body_end = BodyEnd::complete;
    Facts facts;
};

/// No answer.
struct Failure {
    Error error;
    Stage stage = Stage::resolve;
    /// `no`: the other side cannot have read the whole request. `maybe`: it could have acted on it.
    enum class Sent : std::uint8_t { no, maybe } sent = Sent::no;
    Facts facts;
};

struct ClientOptions {
    std::size_t idle_per_origin_max = 16;
    std::size_t idle_max = 1024;
    Duration idle_time = std::chrono::seconds{55};  ///< under the usual 60 s of servers
    Duration age_max = std::chrono::minutes{5};     ///< so that a changed DNS answer is noticed
};

class Pool;

/// HTTP/1.1 to other machines from one loop, over kept connections. Follows no redirects, decodes
/// no codings, keeps no cookies. One exchange is one request on one connection, with one
/// exception: when writing to a kept connection fails, so that the other side cannot have the whole
/// request, it is written once more on a new one. A connection that went quiet is looked at before
/// it is used again. Loop thread only; destroyed after its exchanges have ended.
class Client {
  public:
    using Outcome = std::expected<Answer, Failure>;

    Client(runtime::Loop& loop, runtime::Network& network, runtime::Resolver& resolver,
           ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    runtime::Task<Outcome> exchange(Exchange what);

    /// Ends the kept connections (of one origin). Running exchanges go on.
    void drop_idle();
    void drop_idle(const Origin& origin);
    std::size_t idle() const;
    /// For the end of the process: running exchanges fail soon (Errc::cancelled or
    /// connection_closed), later ones at once.
    void cut();

  private:
    runtime::Loop& loop_;
    runtime::Network& network_;
    runtime::Resolver& resolver_;
    std::shared_ptr<Pool> pool_;
};

}  // namespace blotter::http
