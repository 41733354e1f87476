#pragma once

#include <memory>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include "runtime/loop.hpp"
#include "runtime/net.hpp"

/// Internal to the room: what the streams of `SystemNetwork` are made of.
namespace blotter::runtime {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

class DeadlineSweep;

/// A non-blocking TCP socket with one deadline per direction. Streams are built on it.
class SystemSocket : public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    SystemSocket(std::shared_ptr<DeadlineSweep> sweep, Socket socket);

    /// For a socket that has just been connected or accepted: non-blocking, no delay, addresses.
    boost::system::error_code adopt();
    void close();
    bool is_open() const { return socket_.is_open(); }
    /// One byte looked at without taking it.
    bool is_quiet();
    /// Ends sending (FIN).
    void shutdown_send();
    /// Waits until the socket may be readable or writable.
    Task<boost::system::error_code> wait(Socket::wait_type what, MonoTime deadline);
    /// Why an operation failed, in words.
    std::unexpected<Error> failure(const boost::system::error_code& error) const;

    Socket& socket() { return socket_; }
    int descriptor() { return socket_.native_handle(); }
    MonoTime& read_deadline() { return read_deadline_; }
    MonoTime& write_deadline() { return write_deadline_; }
    const Endpoint& remote() const { return remote_; }
    const Endpoint& local() const { return local_; }
    Loop& loop();

    /// Called by the sweep.
    void check(MonoTime now);

  private:
    std::shared_ptr<DeadlineSweep> sweep_;
    Socket socket_;
    MonoTime read_deadline_ = MonoTime::max();
    MonoTime write_deadline_ = MonoTime::max();
    Endpoint remote_;
    Endpoint local_;
    bool timed_out_ = false;
};

/// Closes the sockets of one loop whose deadline has passed, by looking at all of them every
/// 100 ms. An operation therefore costs the storing of one moment instead of a timer (which
/// halves the rate of small exchanges), and a deadline is late by up to 100 ms. Loop thread only.
class DeadlineSweep : public std::enable_shared_from_this<DeadlineSweep> {
  public:
    static constexpr std::chrono::milliseconds interval{100};

    explicit DeadlineSweep(Loop& loop) : loop_(loop) {}
    void add(SystemSocket& socket);
    Loop& loop() { return loop_; }

  private:
    void arm();
    void sweep();

    Loop& loop_;
    boost::intrusive::list<SystemSocket, boost::intrusive::constant_time_size<false>> sockets_;
    bool armed_ = false;
};

/// A plain TCP stream.
class PlainStream final : public Stream {
  public:
    explicit PlainStream(std::unique_ptr<SystemSocket> socket) : socket_(std::move(socket)) {}
    Task<Result<std::size_t>> read_some(std::span<char> into, MonoTime deadline) override;
    Task<Result<>> write(std::span<const std::string_view> parts, MonoTime deadline) override;
    Task<> shutdown(MonoTime deadline) override;
    void close() override { socket_->close(); }
    bool is_open() const override { return socket_->is_open(); }
    bool is_quiet() override { return socket_->is_quiet(); }
    Endpoint remote() const override { return socket_->remote(); }
    Endpoint local() const override { return socket_->local(); }
    const TlsInfo* tls() const override { return nullptr; }

    /// Gives the socket to a stream that speaks TLS over it.
    std::unique_ptr<SystemSocket> take() { return std::move(socket_); }

  private:
    std::unique_ptr<SystemSocket> socket_;
};

}  // namespace blotter::runtime
