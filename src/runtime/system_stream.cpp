#include "runtime/system_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>

#include "base/invariant.hpp"

namespace blotter::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t parts_max = 16;

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

SystemSocket::SystemSocket(std::shared_ptr<DeadlineSweep> sweep, Socket socket)
    : sweep_(std::move(sweep)), socket_(std::move(socket)) {
    sweep_->add(*this);
}

Loop& SystemSocket::loop() {
    return sweep_->loop();
}

error_code SystemSocket::adopt() {
    error_code error;
    socket_.non_blocking(true, error);
    if (error) return error;
    socket_.set_option(asio::ip::tcp::no_delay{true}, error);
    if (error) return error;
    remote_ = unmapped(socket_.remote_endpoint(error));
    if (error) return error;
    local_ = unmapped(socket_.local_endpoint(error));
    return error;
}

void SystemSocket::close() {
    error_code ignored;
    socket_.close(ignored);
}

void SystemSocket::check(MonoTime now) {
    if (now < std::min(read_deadline_, write_deadline_)) return;
    timed_out_ = true;
    read_deadline_ = write_deadline_ = MonoTime::max();
    close();
}

bool SystemSocket::is_quiet() {
    if (!socket_.is_open()) return false;
    char byte = 0;
    const auto got = ::recv(descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void SystemSocket::shutdown_send() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
}

OWN_FRAME Task<error_code> SystemSocket::wait(Socket::wait_type what, MonoTime deadline) {
    if (!socket_.is_open()) co_return asio::error::operation_aborted;
    MonoTime& armed = what == Socket::wait_write ? write_deadline_ : read_deadline_;
    armed = deadline;
    const error_code error = co_await socket_.async_wait(what, use_task);
    armed = MonoTime::max();
    // A socket closed while this was on its way counts as aborted.
    if (!error && !socket_.is_open()) co_return asio::error::operation_aborted;
    co_return error;
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
    if (!socket_->is_open()) co_return socket_->failure(asio::error::bad_descriptor);
    socket_->read_deadline() = deadline;
    const auto [error, size] = co_await socket_->socket().async_read_some(
        asio::buffer(into.data(), into.size()), use_task);
    socket_->read_deadline() = MonoTime::max();
    if (!error) co_return size;
    if (error == asio::error::eof) co_return std::size_t{0};
    co_return socket_->failure(error);
}

Task<Result<>> PlainStream::write(std::span<const std::string_view> parts, MonoTime deadline) {
    INVARIANT(parts.size() <= parts_max);
    std::array<asio::const_buffer, parts_max> buffers;
    std::size_t count = 0;
    for (const std::string_view part : parts)
        if (!part.empty()) buffers[count++] = asio::buffer(part);
    std::size_t first = 0;
    while (first < count) {
        if (!socket_->is_open()) co_return socket_->failure(asio::error::bad_descriptor);
        // Tried at once: a small write to an idle socket never waits, and is then one system call
        // without a turn through the loop.
        error_code error;
        std::size_t sent = socket_->socket().write_some(
            std::span<const asio::const_buffer>{buffers.data() + first, count - first}, error);
        if (error == asio::error::would_block)
            error = co_await socket_->wait(Socket::wait_write, deadline);
        if (error) co_return socket_->failure(error);
        while (first < count && sent >= buffers[first].size()) sent -= buffers[first++].size();
        if (first < count) buffers[first] += sent;
    }
    co_return Result<>{};
}

Task<> PlainStream::shutdown(MonoTime) {
    if (socket_->is_open()) socket_->shutdown_send();
    co_return;
}

}  // namespace blotter::runtime
