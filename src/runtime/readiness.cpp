#include "runtime/readiness.hpp"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/invariant.hpp"
#include "runtime/loop.hpp"

namespace blotter::runtime {

namespace {

using boost::system::error_code;

constexpr std::size_t parts_max = 16;
/// What is no larger goes to the system as one piece: to copy it costs less than to have the
/// kernel read a list of pieces.
constexpr std::size_t gathered_bytes_max = 4096;
constexpr std::size_t events_at_once = 64;
constexpr std::uint32_t always_heard = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;

bool is_not_yet(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

error_code last_error() {
    return {errno, boost::system::system_category()};
}

WatchedSocket::WatchedSocket(Loop& loop, int descriptor)
    : readiness_(loop.readiness()), descriptor_(descriptor) {
    readiness_.all_.push_back(*this);
}

Loop& WatchedSocket::loop() const {
    return readiness_.loop_;
}

error_code WatchedSocket::watch(Connected connected) {
    if (connected == Connected::yes) return ask(EPOLL_CTL_ADD, always_heard);
    writable_ = false;
    hears_writable_ = true;
    return ask(EPOLL_CTL_ADD, always_heard | EPOLLOUT);
}

error_code WatchedSocket::ask(int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = this;
    if (::epoll_ctl(readiness_.poll_, operation, descriptor_, &event) == 0) return {};
    return last_error();
}

void WatchedSocket::shut() noexcept {
    if (!is_open()) return;
    // Takes it out of the epoll instance, too: nobody else has the descriptor.
    ::close(std::exchange(descriptor_, -1));
}

void WatchedSocket::close() {
    shut();
    for (Waiter& waiter : waiters_) {
        if (!waiter) continue;
        // Not at once: whoever closes may be in the middle of something.
        boost::asio::post(readiness_.loop_.context(), std::move(*waiter));
        waiter.reset();
    }
}

WatchedSocket::Moved WatchedSocket::receive(std::span<char> into, error_code& error) {
    error = {};
    while (readable_) {
        const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
        if (got >= 0) {
            // Less than was asked for was all that there is, and what comes now is heard of.
            const auto size = static_cast<std::size_t>(got);
            if (size > 0 && size < into.size() && !ended_) readable_ = false;
            return size;
        }
        if (is_not_yet(errno)) {
            readable_ = false;
        } else if (errno != EINTR) {
            error = last_error();
            return 0;
        }
    }
    return std::nullopt;
}

WatchedSocket::Moved WatchedSocket::send(std::span<const std::string_view> parts,
                                         error_code& error) {
    INVARIANT(parts.size() <= parts_max);
    const auto send_one = [&](std::string_view one) {
        return send_by(error,
                       [&] { return ::send(descriptor_, one.data(), one.size(), send_flags); });
    };
    if (parts.size() == 1) return send_one(parts.front());
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    if (size > gathered_bytes_max) return send_pieces(parts, error);
    std::array<char, gathered_bytes_max> gathered;
    char* end = gathered.data();
    for (const std::string_view part : parts) end += part.copy(end, part.size());
    return send_one({gathered.data(), size});
}

WatchedSocket::Moved WatchedSocket::send_pieces(std::span<const std::string_view> parts,
                                                error_code& error) {
    std::array<iovec, parts_max> pieces;
    msghdr message{};
    message.msg_iov = pieces.data();
    for (const std::string_view part : parts)
        if (!part.empty())
            pieces[message.msg_iovlen++] = {const_cast<char*>(part.data()), part.size()};
    return send_by(error, [&] { return ::sendmsg(descriptor_, &message, send_flags); });
}

template <typename Send>
WatchedSocket::Moved WatchedSocket::send_by(error_code& error, Send send) {
    error = {};
    while (writable_) {
        const auto sent = send();
        if (sent >= 0) return static_cast<std::size_t>(sent);
        if (is_not_yet(errno)) {
            writable_ = false;
            if (!std::exchange(hears_writable_, true))
                error = ask(EPOLL_CTL_MOD, always_heard | EPOLLOUT);
            if (error) return 0;
        } else if (errno != EINTR) {
            error = last_error();
            return 0;
        }
    }
    return std::nullopt;
}

bool WatchedSocket::is_quiet() {
    if (!is_open()) return false;
    if (!readable_) return true;
    // A read that filled its buffer does not tell.
    char byte = 0;
    if (::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || !is_not_yet(errno))
        return false;
    readable_ = false;
    return true;
}

void WatchedSocket::note(std::uint32_t events) {
    if ((events & end_events) != 0) ended_ = true;
    if ((events & (EPOLLIN | end_events)) != 0) readable_ = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
}

void WatchedSocket::tell() {
    // Both at once are rare: the second goes on with the next turn.
    const bool both = waiter(Way::read) && readable_ && waiter(Way::write) && writable_;
    for (const Way way : {Way::write, Way::read}) {
        Waiter& waiting = waiter(way);
        if (!waiting || !may(way)) continue;
        auto resumption = std::move(*waiting);
        waiting.reset();
        if (!both || way == Way::read) return resumption();
        boost::asio::post(readiness_.loop_.context(), std::move(resumption));
    }
}

Readiness::Readiness(Loop& loop) : loop_(loop), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (poll_ < 0)
        throw std::system_error(errno, std::generic_category(),
                                "cannot watch sockets; raise the limit of open files (ulimit -n)");
    bell_.emplace(loop.executor(), poll_);
    listen();
}

Readiness::~Readiness() = default;

void Readiness::drop_waiting() {
    while (!all_.empty()) {
        WatchedSocket& socket = all_.front();
        all_.pop_front();
        // Whoever is dropped ends its tasks, and the socket may go with them.
        const auto waiters = std::move(socket.waiters_);
        for (auto& waiter : socket.waiters_) waiter.reset();
    }
    bell_.reset();
}

void Readiness::listen() {
    bell_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const error_code& error) {
                          if (error) return;
                          hear();
                          listen();
                      });
}

void Readiness::hear() {
    std::array<epoll_event, events_at_once> events;
    // What does not fit rings again.
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 0);
    // First all of it is noted: who goes on may end others, and takes them off this list.
    List<&WatchedSocket::heard_hook_> heard;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        auto& socket = *static_cast<WatchedSocket*>(event.data.ptr);
        socket.note(event.events);
        heard.push_back(socket);
    }
    while (!heard.empty()) {
        WatchedSocket& socket = heard.front();
        heard.pop_front();
        socket.tell();
    }
}

}  // namespace blotter::runtime
