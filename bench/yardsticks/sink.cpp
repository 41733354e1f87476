// The receiver of every measurement: one thread, epoll, HTTP/1.1 keep-alive, each request read
// whole and answered. `/fail…` is answered with 503, `/slow-MS…` after MS milliseconds.
//
//   bench_sink [--port N] [--certificate PEM --key PEM] [--sample N]
//
// Prints "port N". Commands on standard input, one a line, each answered by one line:
//   reset        forgets what came          count       "count N ids M"
//   dump FILE    writes the ids with their arrival times, and every Nth request to FILE.sample
//   quit
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "wire.hpp"

namespace {

using namespace yardstick;

constexpr std::string_view answer_ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
constexpr std::string_view answer_fail =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

struct Connection {
    int fd = -1;
    SSL* tls = nullptr;
    std::string input;
    std::string output;
    ~Connection() {
        SSL_free(tls);
        close(fd);
    }
};

struct Arrival {
    char id[id_bytes];
    std::uint64_t at_ns;
};

class Sink {
  public:
    Sink(int listener, SSL_CTX* tls, std::size_t sample)
        : listener_(listener), tls_(tls), sample_(sample) {
        watch(listener, EPOLL_CTL_ADD, EPOLLIN);
        watch(STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);
    }
    void run();

  private:
    void watch(int fd, int how, std::uint32_t events) const {
        epoll_event e{};
        e.events = events;
        e.data.fd = fd;
        epoll_ctl(poll_, how, fd, &e);
    }
    void accept_all();
    void receive(Connection& c);
    bool read_some(Connection& c);
    void answer_all(Connection& c);
    void take(const Frame& frame);
    void reply(Connection& c, std::string_view target);
    void flush(Connection& c);
    int answer_late();
    bool obey();
    void dump(const std::string& path) const;

    int poll_ = epoll_create1(0);
    int listener_;
    SSL_CTX* tls_;
    std::size_t sample_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::multimap<std::uint64_t, int> late_;  ///< when to answer which connection
    std::uint64_t count_ = 0;
    std::vector<Arrival> arrivals_;
    std::string samples_;
    std::string commands_;
};

void Sink::accept_all() {
    for (;;) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
        if (fd < 0) return;
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        const auto at = static_cast<std::size_t>(fd);
        if (connections_.size() <= at) connections_.resize(at + 1);
        connections_[at] = std::make_unique<Connection>();
        connections_[at]->fd = fd;
        if (tls_ != nullptr) {
            connections_[at]->tls = SSL_new(tls_);
            SSL_set_fd(connections_[at]->tls, fd);
            SSL_set_accept_state(connections_[at]->tls);
        }
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

/// False when the connection is over.
bool Sink::read_some(Connection& c) {
    char chunk[65536];
    for (;;) {
        if (c.tls == nullptr) {
            const ssize_t got = read(c.fd, chunk, sizeof chunk);
            if (got < 0) return errno == EAGAIN;
            if (got == 0) return false;
            c.input.append(chunk, static_cast<std::size_t>(got));
            if (static_cast<std::size_t>(got) < sizeof chunk) return true;
            continue;
        }
        ERR_clear_error();
        const int got = SSL_read(c.tls, chunk, sizeof chunk);
        if (got <= 0) return SSL_get_error(c.tls, got) == SSL_ERROR_WANT_READ;
        c.input.append(chunk, static_cast<std::size_t>(got));
    }
}

void Sink::take(const Frame& frame) {
    ++count_;
    const std::string_view id = field(frame.head, "webhook-id");
    if (id.empty()) return;
    Arrival arrival{{}, now_ns()};
    std::memcpy(arrival.id, id.data(), std::min(id.size(), id_bytes));
    arrivals_.push_back(arrival);
    if (sample_ == 0 || arrivals_.size() % sample_ != 0) return;
    samples_ += std::to_string(frame.whole) + "\n";
    samples_.append(frame.head.data(), frame.whole);
}

void Sink::reply(Connection& c, std::string_view target) {
    if (target.starts_with("/slow-")) {
        const auto ms = static_cast<std::uint64_t>(number(target.substr(6)));
        late_.emplace(now_ns() + ms * 1'000'000, c.fd);
        return;
    }
    c.output += target.starts_with("/fail") ? answer_fail : answer_ok;
}

void Sink::answer_all(Connection& c) {
    std::size_t done = 0;
    for (;;) {
        const Frame frame = frame_of(std::string_view{c.input}.substr(done));
        if (frame.whole == 0) break;
        take(frame);
        const std::size_t from = frame.head.find(' ');
        reply(c, frame.head.substr(from == std::string_view::npos ? 0 : from + 1));
        done += frame.whole;
    }
    c.input.erase(0, done);
    if (!c.output.empty()) flush(c);
}

/// Answers are small: what the socket does not take at once is tried with the next event.
void Sink::flush(Connection& c) {
    const auto size = c.output.size();
    const ssize_t sent = c.tls != nullptr
                             ? SSL_write(c.tls, c.output.data(), static_cast<int>(size))
                             : send(c.fd, c.output.data(), size, MSG_NOSIGNAL);
    if (sent > 0) c.output.erase(0, static_cast<std::size_t>(sent));
}

void Sink::receive(Connection& c) {
    const bool open = read_some(c);
    answer_all(c);
    if (open) return;
    for (auto at = late_.begin(); at != late_.end();)
        at = at->second == c.fd ? late_.erase(at) : std::next(at);
    connections_[static_cast<std::size_t>(c.fd)].reset();
}

/// Gives the milliseconds until the next late answer, -1 when there is none.
int Sink::answer_late() {
    while (!late_.empty()) {
        const std::uint64_t now = now_ns();
        if (late_.begin()->first > now)
            return static_cast<int>((late_.begin()->first - now) / 1'000'000) + 1;
        Connection& c = *connections_[static_cast<std::size_t>(late_.begin()->second)];
        late_.erase(late_.begin());
        c.output += answer_ok;
        flush(c);
    }
    return -1;
}

void Sink::dump(const std::string& path) const {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(arrivals_.data(), sizeof(Arrival), arrivals_.size(), file);
    std::fclose(file);
    file = std::fopen((path + ".sample").c_str(), "wb");
    std::fwrite(samples_.data(), 1, samples_.size(), file);
    std::fclose(file);
}

/// False when it is to end.
bool Sink::obey() {
    char chunk[4096];
    const ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
    if (got <= 0) return false;
    commands_.append(chunk, static_cast<std::size_t>(got));
    for (std::size_t end = commands_.find('\n'); end != std::string::npos;
         end = commands_.find('\n')) {
        const std::string line = commands_.substr(0, end);
        commands_.erase(0, end + 1);
        if (line == "quit") return false;
        if (line == "reset") {
            count_ = 0;
            arrivals_.clear();
            samples_.clear();
        }
        if (line.starts_with("dump ")) dump(line.substr(5));
        std::printf("count %llu ids %zu\n", static_cast<unsigned long long>(count_),
                    arrivals_.size());
        std::fflush(stdout);
    }
    return true;
}

void Sink::run() {
    std::vector<epoll_event> events(512);
    for (;;) {
        const int wait_ms = answer_late();
        const int n = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), wait_ms);
        for (int i = 0; i < n; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener_)
                accept_all();
            else if (fd != STDIN_FILENO)
                receive(*connections_[static_cast<std::size_t>(fd)]);
            else if (!obey())
                return;
        }
    }
}

int listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(fd, 4096) != 0) {
        std::perror("bench_sink");
        std::exit(1);
    }
    socklen_t size = sizeof at;
    getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
    std::printf("port %d\n", ntohs(at.sin_port));
    std::fflush(stdout);
    return fd;
}

SSL_CTX* tls_of(const std::string& certificate, const std::string& key) {
    if (certificate.empty()) return nullptr;
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        std::exit(1);
    }
    return context;
}

}  // namespace

int main(int argc, char** argv) {
    SSL_CTX* tls = tls_of(option(argc, argv, "--certificate", ""), option(argc, argv, "--key", ""));
    const int listener = listen_on(static_cast<int>(number(option(argc, argv, "--port", "0"))));
    Sink sink{listener, tls,
              static_cast<std::size_t>(number(option(argc, argv, "--sample", "997")))};
    sink.run();
    return 0;
}
