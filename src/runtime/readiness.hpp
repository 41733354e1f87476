#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>

#include "runtime/operation.hpp"

/// Internal to the room: what `SystemSocket` stands on.
namespace blotter::runtime {

class Loop;
class Readiness;

/// What the system call before it set `errno` to.
boost::system::error_code last_error();

/// A non-blocking socket, whose descriptor it owns, and what the kernel said of it. A read or a
/// write that would only hear "not yet" makes no system call. Loop thread only.
class WatchedSocket {
  public:
    enum class Way : std::uint8_t { read, write };
    /// Empty: not yet, wait until `ready`.
    using Moved = std::optional<std::size_t>;

    /// Takes the descriptor. Nothing is heard of it before `watch`.
    WatchedSocket(Loop& loop, int descriptor);
    /// A task that still waits ends without going on.
    ~WatchedSocket() { shut(); }
    WatchedSocket(const WatchedSocket&) = delete;
    WatchedSocket& operator=(const WatchedSocket&) = delete;

    enum class Connected : bool { not_yet, yes };
    /// Once, before anything else. While it is connecting `send` is not ready. Fails when the
    /// system lacks memory for it.
    boost::system::error_code watch(Connected connected);

    Loop& loop() const;
    int descriptor() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    /// A task that waits goes on soon.
    void close();

    /// At most what fits; 0 when the other side has ended. `error` as recv(2) gives it.
    Moved receive(std::span<char> into, boost::system::error_code& error);
    /// As much of `parts` as the system takes, in one call. `error` as sendmsg(2) gives it.
    Moved send(std::span<const std::string_view> parts, boost::system::error_code& error);
    /// Whether there is nothing to receive, not even an end, as far as the loop has heard.
    bool is_quiet();

    /// Until `receive` or `send` may give something, or the socket was closed: awaited gives
    /// whether it is open. One task for each way.
    class Ready;
    Ready ready(Way way);

  private:
    friend class Readiness;
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    using Waiter = std::optional<detail::Resumption<>>;

    void shut() noexcept;
    Moved send_pieces(std::span<const std::string_view> parts, boost::system::error_code& error);
    template <typename Send>
    Moved send_by(boost::system::error_code& error, Send send);
    bool may(Way way) const { return way == Way::read ? readable_ : writable_; }
    Waiter& waiter(Way way) { return waiters_[static_cast<std::size_t>(way)]; }
    boost::system::error_code ask(int operation, std::uint32_t events);
    void note(std::uint32_t events);
    /// Lets one who waits go on. This may be gone then.
    void tell();

    Readiness& readiness_;
    int descriptor_;
    bool readable_ = true;  ///< until the kernel says otherwise, as for all of these
    bool writable_ = true;
    bool ended_ = false;           ///< there is an end or an error to read behind the last byte
    bool hears_writable_ = false;  ///< asked for, which few sockets need
    std::array<Waiter, 2> waiters_;
    Hook all_hook_;
    Hook heard_hook_;
};

/// What the kernel says of all sockets of one loop, asked once a turn (epoll(7), edge-triggered)
/// and rung by one descriptor of Asio's. Asio itself reads a socket once before it waits for it,
/// nearly always in vain, and takes each through its queue: at full load 3 to 8 % of the processor.
/// One for each loop; outlives its sockets.
class Readiness {
  public:
    explicit Readiness(Loop& loop);
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;
    ~Readiness();
    /// Ends all tasks that wait for a socket: the loop is about to go.
    void drop_waiting();

  private:
    friend class WatchedSocket;
    template <WatchedSocket::Hook WatchedSocket::* hook>
    using List = boost::intrusive::list<
        WatchedSocket, boost::intrusive::member_hook<WatchedSocket, WatchedSocket::Hook, hook>,
        boost::intrusive::constant_time_size<false>>;

    void listen();
    void hear();

    Loop& loop_;
    int poll_ = -1;  ///< the epoll instance
    std::optional<boost::asio::posix::basic_stream_descriptor<Executor>> bell_;
    List<&WatchedSocket::all_hook_> all_;
};

class WatchedSocket::Ready {
  public:
    Ready(WatchedSocket& socket, Way way) : socket_(socket), way_(way) {}
    bool await_ready() const noexcept { return !socket_.is_open() || socket_.may(way_); }
    template <typename P>
    void await_suspend(std::coroutine_handle<P> waiter) {
        place_.waiter = waiter;
        place_.chain = &waiter.promise().chain();
        socket_.waiter(way_).emplace(place_);
    }
    bool await_resume() const noexcept { return socket_.is_open(); }

  private:
    WatchedSocket& socket_;
    Way way_;
    detail::Place<> place_;
};

inline WatchedSocket::Ready WatchedSocket::ready(Way way) {
    return {*this, way};
}

}  // namespace blotter::runtime
