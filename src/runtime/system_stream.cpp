#include "runtime/system_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <vector>

#include <boost/asio/error.hpp>

namespace blotter::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Of one stream without a wait, before others have their turn.
constexpr std::uint8_t straight_reads_max = 16;

// An IPv4 peer of a dual-stack listener is judged and shown as IPv4.
Endpoint unmapped(const Endpoint& from) {
    if (!from.address().is_v6() || !from.address().to_v6().is_v4_mapped()) return from;
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, from.address().to_v6()), from.port()};
}

}  // namespace

void DeadlineSweep::add(SystemSocket& socket) {
    sockets_.push_back(socket);
    if (!armed_) arm();
}

void DeadlineSweep::arm() {
    armed_ = true;
    loop_.timers().at(loop_.now() + interval, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->sweep();
    });
}

void DeadlineSweep::sweep() {
    armed_ = false;
    const MonoTime now = loop_.now();
    for (SystemSocket& socket : sockets_) socket.check(now);
    if (!sockets_.empty()) arm();
}

SystemSocket::SystemSocket(std::shared_ptr<DeadlineSweep> sweep, int descriptor)
    : WatchedSocket(sweep->loop(), descriptor), sweep_(std::move(sweep)) {
    sweep_->add(*this);
}

error_code SystemSocket::accept() {
    if (const error_code error = watch(Connected::yes)) return error;
    return adopt();
}

Task<error_code> SystemSocket::connect(Endpoint to, MonoTime deadline) {
    if (::connect(descriptor(), to.data(), static_cast<socklen_t>(to.size())) != 0 &&
        errno != EINPROGRESS && errno != EINTR)
        co_return last_error();
    if (const error_code error = watch(Connected::not_yet)) co_return error;
    const error_code waited = co_await wait(Way::write, deadline);
    if (waited) co_return waited;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
        co_return last_error();
    if (failed != 0) co_return error_code{failed, boost::system::system_category()};
    co_return adopt();
}

error_code SystemSocket::adopt() {
    const int on = 1;
    socklen_t remote = static_cast<socklen_t>(remote_.capacity());
    socklen_t local = static_cast<socklen_t>(local_.capacity());
    if (::setsockopt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::getpeername(descriptor(), remote_.data(), &remote) != 0 ||
        ::getsockname(descriptor(), local_.data(), &local) != 0)
        return last_error();
    remote_.resize(remote);
    local_.resize(local);
    remote_ = unmapped(remote_);
    local_ = unmapped(local_);
    return {};
}

void SystemSocket::check(MonoTime now) {
    if (now < std::min(deadlines_[0], deadlines_[1])) return;
    timed_out_ = true;
    deadlines_.fill(MonoTime::max());
    close();
}

void SystemSocket::shutdown_send() {
    ::shutdown(descriptor(), SHUT_WR);
}

OWN_FRAME Task<error_code> SystemSocket::wait(Way way, MonoTime deadline) {
    MonoTime& armed = deadlines_[static_cast<std::size_t>(way)];
    armed = deadline;
    const bool open = co_await ready(way);
    armed = MonoTime::max();
    // A socket closed while this was on its way counts as aborted.
    co_return open ? error_code{} : error_code{asio::error::operation_aborted};
}

std::unexpected<Error> SystemSocket::failure(const error_code& error) const {
    if (timed_out_) return fail(Errc::timeout, "the connection was silent for too long");
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor)
        return fail(Errc::connection_closed, "the connection was closed on this side");
    if (error == asio::error::connection_reset || error == asio::error::broken_pipe)
        return fail(Errc::connection_closed, "the other side broke the connection");
    return fail(Errc::connection_closed, "the connection broke: " + error.message());
}

Task<Result<std::size_t>> PlainStream::read_some(std::span<char> into, MonoTime deadline) {
    SystemSocket& socket = *socket_;
    for (;;) {
        if (!socket.is_open()) co_return socket.failure(asio::error::bad_descriptor);
        error_code error;
        const auto got = socket.receive(into, error);
        if (error) co_return socket.failure(error);
        if (got) {
            if (++straight_reads_ >= straight_reads_max) {
                straight_reads_ = 0;
                co_await socket.loop().end_of_turn();
            }
            co_return *got;
        }
        straight_reads_ = 0;
        socket.read_deadline() = deadline;
        co_await socket.ready(WatchedSocket::Way::read);
        socket.read_deadline() = MonoTime::max();
    }
}

Task<Result<>> PlainStream::write(std::span<const std::string_view> parts, MonoTime deadline) {
    if (!socket_->is_open()) co_return socket_->failure(asio::error::bad_descriptor);
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    if (size == 0) co_return Result<>{};
    // Tried at once: a small write to an idle socket never waits.
    error_code error;
    const std::size_t sent = socket_->send(parts, error).value_or(0);
    if (error) co_return socket_->failure(error);
    if (sent < size) co_return co_await write_rest(parts, sent, deadline);
    co_return Result<>{};
}

OWN_FRAME Task<Result<>> PlainStream::write_rest(std::span<const std::string_view> parts,
                                                 std::size_t sent, MonoTime deadline) {
    std::vector<std::string_view> rest{parts.begin(), parts.end()};
    auto first = rest.begin();
    for (;;) {
        for (; first != rest.end() && sent >= first->size(); ++first) sent -= first->size();
        if (first == rest.end()) co_return Result<>{};
        first->remove_prefix(sent);
        const error_code waited = co_await socket_->wait(WatchedSocket::Way::write, deadline);
        if (waited) co_return socket_->failure(waited);
        error_code error;
        sent = socket_->send({first, rest.end()}, error).value_or(0);
        if (error) co_return socket_->failure(error);
    }
}

Task<> PlainStream::shutdown(MonoTime) {
    if (socket_->is_open()) socket_->shutdown_send();
    co_return;
}

}  // namespace blotter::runtime
