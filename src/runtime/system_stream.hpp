#pragma once

#include <memory>

#include <boost/intrusive/list.hpp>

#include "runtime/loop.hpp"
#include "runtime/net.hpp"
#include "runtime/readiness.hpp"

/// Internal to the room: what the streams of `SystemNetwork` are made of.
namespace blotter::runtime {

class DeadlineSweep;

/// A TCP socket with one deadline per direction. Streams are built on it.
class SystemSocket : public WatchedSocket,
                     public boost::intrusive::list_base_hook<
                         boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    /// Takes the descriptor.
    SystemSocket(std::shared_ptr<DeadlineSweep> sweep, int descriptor);

    /// For a socket that has just been accepted: heard of, no delay, addresses.
    boost::system::error_code accept();
    /// Connects a new one, no delay, addresses.
    Task<boost::system::error_code> connect(Endpoint to, MonoTime deadline);
    /// Ends sending (FIN).
    void shutdown_send();
    /// Waits until the socket may be readable or writable.
    Task<boost::system::error_code> wait(Way way, MonoTime deadline);
    /// Why an operation failed, in words.
    std::unexpected<Error> failure(const boost::system::error_code& error) const;

    MonoTime& read_deadline() { return deadlines_[0]; }
    MonoTime& write_deadline() { return deadlines_[1]; }
    const Endpoint& remote() const { return remote_; }
    const Endpoint& local() const { return local_; }

    /// Called by the sweep.
    void check(MonoTime now);

  private:
    boost::system::error_code adopt();

    std::shared_ptr<DeadlineSweep> sweep_;
    std::array<MonoTime, 2> deadlines_{MonoTime::max(), MonoTime::max()};
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
    Task<Result<>> write_rest(std::span<const std::string_view> parts, std::size_t sent,
                              MonoTime deadline);

    std::unique_ptr<SystemSocket> socket_;
    std::uint8_t straight_reads_ = 0;
};

}  // namespace blotter::runtime
