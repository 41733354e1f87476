// The least that can stand between caller and receivers: takes a request, hands its body on to N
// receivers over kept connections, and answers when all of them have. It stores, checks and signs
// nothing. What the product does beyond it is what its work costs; what it cannot do, nothing can.
//
//   bench_relay --to PORT [--copies 1] [--loops 2]
//
// One thread and one epoll per loop. Prints "port N"; ends with its standard input.
#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "wire.hpp"

namespace {

using namespace yardstick;

constexpr std::string_view answer =
    "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

sockaddr_in loopback(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(static_cast<std::uint16_t>(port));
    return out;
}

/// A listener of one loop; all share the port, and the system spreads the callers over them.
int listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    const sockaddr_in at = loopback(port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || listen(fd, 4096) != 0) {
        std::perror("bench_relay");
        std::exit(1);
    }
    return fd;
}

int port_of(int fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
}

class Relay {
  public:
    Relay(int listener, int to, std::size_t copies)
        : listener_(listener), to_(to), copies_(copies) {
        watch(listener);
    }
    void run();

  private:
    struct Connection {
        int fd = -1;
        int caller = -1;       ///< of one to a receiver: whose request it carries
        std::size_t open = 0;  ///< of a caller's: copies that were not answered yet
        std::string input;
    };

    void watch(int fd) const {
        epoll_event e{};
        e.events = EPOLLIN;
        e.data.fd = fd;
        epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &e);
    }
    Connection& add(int fd) {
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        const auto at = static_cast<std::size_t>(fd);
        if (connections_.size() <= at) connections_.resize(at + 1);
        connections_[at] = std::make_unique<Connection>();
        connections_[at]->fd = fd;
        watch(fd);
        return *connections_[at];
    }
    Connection& receiver();
    void receive(Connection& c);
    void pass_on(int caller, const Frame& frame);

    int poll_ = epoll_create1(0);
    int listener_;
    int to_;
    std::size_t copies_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<int> idle_;  ///< to receivers
    // About as long as the head that the product sends.
    std::string head_ =
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nx-padding: " +
        std::string(250, 'x') + "\r\ncontent-length: ";
};

Relay::Connection& Relay::receiver() {
    if (!idle_.empty()) {
        const int fd = idle_.back();
        idle_.pop_back();
        return *connections_[static_cast<std::size_t>(fd)];
    }
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to = loopback(to_);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        std::perror("bench_relay: connect");
        std::exit(1);
    }
    return add(fd);
}

void Relay::pass_on(int caller, const Frame& frame) {
    const std::string length = std::to_string(frame.body.size()) + "\r\n\r\n";
    connections_[static_cast<std::size_t>(caller)]->open = copies_;
    for (std::size_t i = 0; i < copies_; ++i) {
        Connection& to = receiver();
        to.caller = caller;
        const auto part = [](std::string_view text) {
            return iovec{const_cast<char*>(text.data()), text.size()};
        };
        std::array<iovec, 3> parts{part(head_), part(length), part(frame.body)};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        sendmsg(to.fd, &message, MSG_NOSIGNAL);
    }
}

void Relay::receive(Connection& c) {
    std::array<char, 65536> chunk;
    const ssize_t got = recv(c.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0) return;
    if (got == 0) {
        close(c.fd);
        connections_[static_cast<std::size_t>(c.fd)].reset();
        return;
    }
    c.input.append(chunk.data(), static_cast<std::size_t>(got));
    const Frame frame = frame_of(c.input);
    if (frame.whole == 0) return;
    if (c.caller < 0) {
        pass_on(c.fd, frame);
    } else {
        Connection& caller = *connections_[static_cast<std::size_t>(c.caller)];
        idle_.push_back(c.fd);
        if (--caller.open == 0) send(caller.fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    c.input.erase(0, frame.whole);
}

void Relay::run() {
    std::vector<epoll_event> events(512);
    for (;;) {
        const int n = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < n; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd != listener_) {
                receive(*connections_[static_cast<std::size_t>(fd)]);
                continue;
            }
            for (int made = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK); made >= 0;
                 made = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK))
                add(made);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto given = [&](std::string_view name, const char* otherwise) {
        return static_cast<int>(number(option(argc, argv, name, otherwise)));
    };
    const int to = given("--to", "0");
    if (to == 0) {
        std::fprintf(stderr, "bench_relay: --to is needed\n");
        return 2;
    }
    int port = 0;
    std::vector<std::thread> loops;
    for (int i = 0; i < given("--loops", "2"); ++i) {
        const int listener = listen_on(port);
        port = port_of(listener);
        loops.emplace_back(
            [listener, to, copies = static_cast<std::size_t>(given("--copies", "1"))] {
                Relay{listener, to, copies}.run();
            });
    }
    std::printf("port %d\n", port);
    std::fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    std::_Exit(0);  // with its threads, which wait for ever
}
