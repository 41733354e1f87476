#include "runtime/memory_network.hpp"

#include <algorithm>
#include <deque>

#include "base/invariant.hpp"
#include "runtime/signal.hpp"

namespace blotter::runtime {
namespace {

constexpr std::size_t window_bytes = 256 * 1024;
constexpr std::size_t backlog_max = 128;

std::unexpected<Error> broken() {
    return fail(Errc::connection_closed, "the other side broke the connection");
}

/// One direction of a connection.
struct Pipe {
    explicit Pipe(Loop& loop) : readable(loop), writable(loop) {}

    struct Piece {
        MonoTime arrives;
        std::string bytes;
    };
    std::deque<Piece> pieces;
    std::size_t queued_bytes = 0;
    std::uint64_t sent = 0;
    MonoTime last_arrival{};
    std::optional<MonoTime> end_arrives;
    bool is_broken = false;
    bool reader_gone = false;
    Signal readable;
    Signal writable;

    void wake() {
        readable.notify();
        writable.notify();
    }
    void break_now() {
        is_broken = true;
        wake();
    }
};

}  // namespace

struct MemoryConnection {
    MemoryConnection(Loop& l, Entropy& e, LinkFaults f)
        : loop(l), entropy(e), faults(std::move(f)) {}

    Loop& loop;
    Entropy& entropy;
    LinkFaults faults;
    Endpoint client;
    Endpoint server;
    Pipe sent{loop};      // client to server
    Pipe received{loop};  // server to client
    std::optional<TlsInfo> tls;
    bool listener_speaks_tls = false;

    void break_now() {
        sent.break_now();
        received.break_now();
    }
};

struct MemoryListener {
    MemoryListener(Loop& loop, Endpoint where) : at(where), called(loop) {}
    Endpoint at;
    bool closed = false;
    bool speaks_tls = false;
    std::deque<std::unique_ptr<Stream>> waiting;
    Signal called;

    void close() {
        closed = true;
        waiting.clear();
        called.notify();
    }
};

namespace {

class MemoryStream final : public Stream {
  public:
    enum class Side : std::uint8_t { client, server };

    MemoryStream(std::shared_ptr<MemoryConnection> connection, Side side)
        : connection_(std::move(connection)), side_(side) {}
    ~MemoryStream() override { close(); }

    Task<Result<std::size_t>> read_some(std::span<char> into, MonoTime deadline) override {
        for (;;) {
            if (!open_) co_return fail(Errc::connection_closed, "closed on this side");
            Pipe& pipe = in();
            const MonoTime now = loop().now();
            MonoTime next = deadline;
            if (!pipe.pieces.empty()) {
                if (pipe.pieces.front().arrives <= now) co_return take(into);
                next = std::min(next, pipe.pieces.front().arrives);
            } else if (pipe.is_broken) {
                co_return broken();
            } else if (pipe.end_arrives) {
                if (*pipe.end_arrives <= now) co_return std::size_t{0};
                next = std::min(next, *pipe.end_arrives);
            }
            if (now >= deadline) {
                close();
                co_return fail(Errc::timeout, "the connection was silent for too long");
            }
            co_await pipe.readable.wait_until(next);
        }
    }

    Task<Result<>> write(std::span<const std::string_view> parts, MonoTime deadline) override {
        for (;;) {
            if (!open_) co_return fail(Errc::connection_closed, "closed on this side");
            Pipe& pipe = out();
            if (pipe.is_broken || pipe.reader_gone) co_return broken();
            if (pipe.queued_bytes < window_bytes) break;
            if (loop().now() >= deadline) {
                close();
                co_return fail(Errc::timeout, "the connection was silent for too long");
            }
            co_await pipe.writable.wait_until(deadline);
        }
        std::string bytes;
        for (const std::string_view part : parts) bytes += part;
        send(std::move(bytes));
        co_return Result<>{};
    }

    Task<> shutdown(MonoTime) override {
        if (open_) end_sending();
        co_return;
    }
    void close() override {
        if (!std::exchange(open_, false)) return;
        end_sending();
        in().reader_gone = true;
        in().pieces.clear();
        in().queued_bytes = 0;
        connection_->sent.wake();
        connection_->received.wake();
    }
    bool is_open() const override { return open_; }
    bool is_quiet() override {
        const Pipe& pipe = in();
        const MonoTime now = loop().now();
        const bool arrived = !pipe.pieces.empty() && pipe.pieces.front().arrives <= now;
        const bool ended = pipe.pieces.empty() && pipe.end_arrives && *pipe.end_arrives <= now;
        return open_ && !pipe.is_broken && !arrived && !ended;
    }
    Endpoint remote() const override {
        return side_ == Side::client ? connection_->server : connection_->client;
    }
    Endpoint local() const override {
        return side_ == Side::client ? connection_->client : connection_->server;
    }
    const TlsInfo* tls() const override { return connection_->tls ? &*connection_->tls : nullptr; }
    MemoryConnection& connection() { return *connection_; }

  private:
    Loop& loop() { return connection_->loop; }
    Pipe& in() { return side_ == Side::client ? connection_->received : connection_->sent; }
    Pipe& out() { return side_ == Side::client ? connection_->sent : connection_->received; }

    std::size_t take(std::span<char> into) {
        Pipe& pipe = in();
        std::string& bytes = pipe.pieces.front().bytes;
        std::size_t size = std::min(into.size(), bytes.size());
        if (const std::size_t most = connection_->faults.read_bytes_max; most > 0)
            size = std::min<std::size_t>(size, 1 + connection_->entropy.next() % most);
        std::copy_n(bytes.data(), size, into.data());
        bytes.erase(0, size);
        pipe.queued_bytes -= size;
        if (bytes.empty()) pipe.pieces.pop_front();
        pipe.writable.notify();
        return size;
    }

    void send(std::string bytes) {
        const LinkFaults& faults = connection_->faults;
        const bool client = side_ == Side::client;
        const auto stall = client ? faults.stall_after_sent : faults.stall_after_received;
        const auto cut = client ? faults.break_after_sent : faults.break_after_received;
        Pipe& pipe = out();
        const std::uint64_t before = pipe.sent;
        pipe.sent += bytes.size();
        pipe.queued_bytes += bytes.size();
        const std::uint64_t limit = std::min(stall.value_or(UINT64_MAX), cut.value_or(UINT64_MAX));
        if (pipe.sent > limit) bytes.resize(limit > before ? limit - before : 0);
        if (!bytes.empty()) {
            pipe.last_arrival = std::max(pipe.last_arrival, loop().now() + faults.latency);
            pipe.pieces.push_back({pipe.last_arrival, std::move(bytes)});
        }
        if (cut && pipe.sent > *cut) connection_->break_now();
        pipe.readable.notify();
    }

    void end_sending() {
        Pipe& pipe = out();
        // Behind bytes that never arrive, the end does not either.
        const auto& faults = connection_->faults;
        const auto stall =
            side_ == Side::client ? faults.stall_after_sent : faults.stall_after_received;
        if (pipe.end_arrives || (stall && pipe.sent > *stall)) return;
        pipe.end_arrives = std::max(pipe.last_arrival, loop().now() + connection_->faults.latency);
        pipe.readable.notify();
    }

    std::shared_ptr<MemoryConnection> connection_;
    Side side_;
    bool open_ = true;
};

class MemoryAcceptor final : public Acceptor {
  public:
    explicit MemoryAcceptor(std::shared_ptr<MemoryListener> listener)
        : listener_(std::move(listener)) {}
    ~MemoryAcceptor() override { listener_->close(); }

    Task<Result<std::unique_ptr<Stream>>> accept() override {
        while (!listener_->closed && listener_->waiting.empty()) co_await listener_->called.wait();
        if (listener_->closed) co_return fail(Errc::cancelled, "the listener was closed");
        auto stream = std::move(listener_->waiting.front());
        listener_->waiting.pop_front();
        co_return stream;
    }
    Endpoint local() const override { return listener_->at; }
    Result<> reload_certificates() override { return {}; }
    void close() override { listener_->close(); }

  private:
    std::shared_ptr<MemoryListener> listener_;
};

}  // namespace

MemoryHub::MemoryHub(Loop& loop, Entropy& entropy) : loop_(loop), entropy_(entropy) {}

MemoryHub::~MemoryHub() {
    for (const auto& weak : connections_)
        if (const auto connection = weak.lock()) connection->break_now();
    for (const auto& [at, weak] : listeners_)
        if (const auto listener = weak.lock()) listener->close();
}

void MemoryHub::set_faults(const Endpoint& listener, LinkFaults faults) {
    faults_[listener] = std::move(faults);
}

const LinkFaults& MemoryHub::faults_of(const Endpoint& listener) const {
    const auto found = faults_.find(listener);
    return found == faults_.end() ? default_faults_ : found->second;
}

void MemoryHub::crash(const IpAddress& address) {
    for (const auto& weak : connections_) {
        const auto connection = weak.lock();
        if (connection &&
            (connection->client.address() == address || connection->server.address() == address))
            connection->break_now();
    }
    for (const auto& [at, weak] : listeners_) {
        const auto listener = weak.lock();
        if (listener && at.address() == address) listener->close();
    }
}

void MemoryHub::forget_ended() {
    std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
}

std::size_t MemoryHub::connections() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(connections_, [](const auto& weak) { return !weak.expired(); }));
}

std::uint64_t MemoryHub::calls(const Endpoint& listener) const {
    const auto found = calls_.find(listener);
    return found == calls_.end() ? 0 : found->second;
}

MemoryNetwork::MemoryNetwork(MemoryHub& hub, IpAddress own) : hub_(hub), own_(std::move(own)) {}

Task<Result<std::unique_ptr<Stream>>> MemoryNetwork::connect(Endpoint to, MonoTime deadline) {
    Loop& loop = hub_.loop_;
    ++hub_.calls_[to];
    const LinkFaults faults = hub_.faults_of(to);
    const MonoTime answered = faults.connect == LinkFaults::Connect::ignore
                                  ? MonoTime::max()
                                  : loop.now() + 2 * faults.latency;
    co_await loop.sleep_until(std::min(answered, deadline));
    if (answered > deadline) co_return fail(Errc::timeout, "no answer in time");
    const auto found = hub_.listeners_.find(to);
    const auto listener = found == hub_.listeners_.end() ? nullptr : found->second.lock();
    const bool taken = listener && !listener->closed && listener->waiting.size() < backlog_max &&
                       faults.connect == LinkFaults::Connect::accept;
    if (!taken) co_return fail(Errc::connect_failed, "connection refused");
    auto connection = std::make_shared<MemoryConnection>(loop, hub_.entropy_, faults);
    hub_.next_port_ = static_cast<std::uint16_t>(std::max(hub_.next_port_ + 1, 1024));
    connection->client = {own_, hub_.next_port_};
    connection->server = to;
    connection->listener_speaks_tls = listener->speaks_tls;
    hub_.forget_ended();
    hub_.connections_.push_back(connection);
    listener->waiting.push_back(
        std::make_unique<MemoryStream>(connection, MemoryStream::Side::server));
    listener->called.notify();
    co_return std::make_unique<MemoryStream>(std::move(connection), MemoryStream::Side::client);
}

Task<Result<std::unique_ptr<Stream>>> MemoryNetwork::start_tls(std::unique_ptr<Stream> plain,
                                                               TlsClientOptions,
                                                               MonoTime deadline) {
    auto* const stream = dynamic_cast<MemoryStream*>(plain.get());
    INVARIANT(stream != nullptr);
    MemoryConnection& connection = stream->connection();
    const MonoTime done = hub_.loop_.now() + 2 * connection.faults.latency;
    co_await hub_.loop_.sleep_until(std::min(done, deadline));
    if (done > deadline) co_return fail(Errc::timeout, "the TLS handshake took too long");
    if (connection.sent.is_broken)
        co_return fail(Errc::tls_failed, "the connection ended during the handshake");
    if (connection.faults.tls_failure) co_return pass(*connection.faults.tls_failure);
    if (!connection.listener_speaks_tls)
        co_return fail(Errc::tls_failed, "the other side does not speak TLS on this port");
    connection.tls = TlsInfo{"TLSv1.3", "none (in memory)", "", false};
    co_return plain;
}

Result<std::unique_ptr<Acceptor>> MemoryNetwork::listen(ListenOptions options) {
    Endpoint at = options.at;
    if (at.address().is_unspecified()) at.address(own_);
    while (at.port() == 0) {
        hub_.next_port_ = static_cast<std::uint16_t>(std::max(hub_.next_port_ + 1, 1024));
        const Endpoint candidate{at.address(), hub_.next_port_};
        const auto used = hub_.listeners_.find(candidate);
        if (used == hub_.listeners_.end() || used->second.expired()) at = candidate;
    }
    auto& slot = hub_.listeners_[at];
    if (const auto other = slot.lock(); other && !other->closed)
        return fail(Errc::unavailable, "another listener has this address");
    auto listener = std::make_shared<MemoryListener>(hub_.loop_, at);
    listener->speaks_tls = options.tls.has_value();
    slot = listener;
    return std::make_unique<MemoryAcceptor>(std::move(listener));
}

void MemoryResolver::set(std::string host, std::vector<IpAddress> addresses) {
    hosts_.insert_or_assign(std::move(host), std::move(addresses));
}

void MemoryResolver::set_failure(std::string host, Error error) {
    hosts_.insert_or_assign(std::move(host), pass(std::move(error)));
}

Task<Result<std::vector<IpAddress>>> MemoryResolver::resolve(std::string host, MonoTime deadline) {
    ++asked_;
    const MonoTime answered = loop_.now() + latency_;
    co_await loop_.sleep_until(std::min(answered, deadline));
    if (answered > deadline)
        co_return fail(Errc::timeout, "the name servers did not answer in time");
    const auto found = hosts_.find(host);
    if (found == hosts_.end())
        co_return fail(Errc::resolve_failed, "there is no host named " + host);
    co_return found->second;
}

}  // namespace blotter::runtime
