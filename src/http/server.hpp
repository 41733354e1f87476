#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <unordered_map>

#include "http/guard.hpp"
#include "http/message.hpp"
#include "runtime/loop.hpp"
#include "runtime/net.hpp"
#include "runtime/task_group.hpp"

namespace blotter::http {

/// The body of a request whose route streams. Belongs to the request; not usable after it.
class BodyReader {
  public:
    virtual ~BodyReader() = default;
    /// At least one byte into `into`, or 0 at the end of the body. Errc::too_large past the
    /// route's limit, malformed, timeout (too slow) or connection_closed; after a failure the
    /// connection ends with the answer.
    virtual runtime::Task<Result<std::size_t>> read_some(std::span<char> into) = 0;
    /// Known unless the body is chunked.
    virtual std::optional<std::uint64_t> size() const = 0;
};

/// How a route takes its body. Known before the body is read, so that a body that is too large is
/// refused without reading it.
struct BodyRule {
    enum class How : std::uint8_t {
        buffer,  ///< the handler finds it whole in `Request::body`
        stream   ///< the handler pulls it from `RequestContext::body`, or leaves it
    };
    How how = How::buffer;
    std::uint64_t bytes_max = 64 * 1024;
    Duration time_max = std::chrono::minutes{15};  ///< waiting for the client, in all
};

/// What surrounds a request.
struct RequestContext {
    std::string_view remote;                ///< the client's address; valid while it is connected
    const runtime::TlsInfo* tls = nullptr;  ///< null on a plain connection
    MonoTime received{};                    ///< when its head was complete
    BodyReader* body = nullptr;             ///< set when the route streams
};

/// What answers requests. Called on the server's loop; requests of one connection one after the
/// other, those of different connections interleaved.
class Handler {
  public:
    virtual ~Handler() = default;
    /// How the body of this request is to be taken; also for addresses that do not exist. Sees
    /// the request without its body. Quick and without waiting.
    virtual BodyRule body_rule(const Request& request) = 0;
    /// Answers. An exception ends the connection with 500.
    virtual runtime::Task<Response> handle(Request& request, RequestContext& context) = 0;
};

struct ServerOptions {
    HeadLimits head;
    std::size_t connections_max = 10'000;
    /// Connections of one remote address; 0: no limit of its own.
    std::size_t connections_per_address_max = 0;
    Duration head_time = std::chrono::seconds{10};  ///< first byte to end of head
    Duration idle_time = std::chrono::seconds{60};  ///< between requests
    /// A body may take this long, and longer as long as it keeps up `body_rate_min`.
    Duration body_grace = std::chrono::seconds{10};
    std::uint32_t body_rate_min = 1024;  ///< bytes per second
    /// For each piece of an answer, on top of its size at `body_rate_min`.
    Duration write_time = std::chrono::seconds{30};
};

/// One answered request, for logs and metrics. Views are valid during the call only.
struct Exchanged {
    Method method;
    std::string_view target;
    int status;
    std::uint64_t request_body_bytes;
    std::uint64_t response_body_bytes;
    std::chrono::nanoseconds took;
    runtime::Endpoint remote;
};

struct ServerState;

/// An HTTP/1.1 server on one loop and one listener. Reads strictly (guard.hpp), answers in order,
/// keeps connections alive, and bounds every wait and every size. Knows nothing of routes. Its
/// owner calls `close`, awaits `join` and only then destroys it. Loop thread only.
class Server {
  public:
    Server(runtime::Loop& loop, std::unique_ptr<runtime::Acceptor> acceptor, Handler& handler,
           ServerOptions options = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Starts accepting.
    void start();
    /// Stops accepting, ends idle connections, and makes running requests the last of theirs.
    void close();
    /// Ends when no connection is left. Those still there at `deadline` are cut; a handler that
    /// never ends is still waited for. After `close`.
    runtime::Task<> join(MonoTime deadline);

    runtime::Acceptor& acceptor() { return *acceptor_; }
    std::size_t connections() const;

    /// Set once before `start`. Told about each answered request, and about each exception.
    std::function<void(const Exchanged&)> on_exchanged;
    std::function<void(std::exception_ptr)> on_exception;

  private:
    runtime::Task<> accept_loop();
    void admit(std::unique_ptr<runtime::Stream> stream);

    runtime::Loop& loop_;
    std::unique_ptr<runtime::Acceptor> acceptor_;
    std::unique_ptr<ServerState> state_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::http
