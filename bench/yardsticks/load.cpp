// The caller of every measurement: one thread, epoll, HTTP/1.1 keep-alive POSTs.
//
//   bench_load --port N --path /P --bodies FILE [--head FILE] [--connections 256] [--seconds 5]
//              [--requests N] [--rate R] [--out FILE]
//
// FILE of bodies has one a line, taken in turn; each "############" in it becomes a number of its
// own. --head has further header lines. Closed loop: a connection sends its next request when it
// has its answer. With --rate an open loop: requests leave on a fixed schedule, on any idle
// connection, and latency counts from the time they should have left. Prints one JSON object;
// --out gets the id in each answer with its times.
#include <algorithm>
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "wire.hpp"

namespace {

using namespace yardstick;

constexpr std::string_view slot = "############";

struct Body {
    std::string text;  ///< head and body, ready to send but for its numbers
    std::vector<std::size_t> slots;
};

struct Connection {
    int fd = -1;
    std::string output;
    std::size_t written = 0;
    std::string input;
    bool busy = false;
    bool wants_write = false;
    std::uint64_t intended_ns = 0;
    std::uint64_t sent_ns = 0;
};

struct Answered {
    char id[id_bytes];
    std::uint64_t intended_ns;
    std::uint64_t sent_ns;
    std::uint64_t answered_ns;
};

struct Plan {
    int port = 0;
    std::size_t connections = 256;
    double seconds = 5;
    std::uint64_t requests_max = 0;
    double rate = 0;
    std::vector<Body> bodies;
};

class Load {
  public:
    explicit Load(Plan plan) : plan_(std::move(plan)) {}
    void run();
    void report(const std::string& out) const;

  private:
    void connect_all();
    void watch(int fd, int how, std::uint32_t events) const {
        epoll_event e{};
        e.events = events;
        e.data.fd = fd;
        epoll_ctl(poll_, how, fd, &e);
    }
    void begin();
    bool may_send() const;
    void send(Connection& c, std::uint64_t intended_ns);
    void write_some(Connection& c);
    void receive(Connection& c);
    void answered(Connection& c, const Frame& frame);
    void send_scheduled();
    Connection& at(int fd) { return connections_[index_[static_cast<std::size_t>(fd)]]; }

    Plan plan_;
    int poll_ = epoll_create1(0);
    int timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    std::vector<Connection> connections_;
    std::vector<std::size_t> index_;  ///< descriptor → connection
    std::vector<int> idle_;
    std::uint64_t start_ns_ = 0;
    std::uint64_t end_ns_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t open_ = 0;
    std::uint64_t due_ = 0;  ///< open loop: how many should have left
    std::uint64_t lost_ = 0;
    std::uint64_t serial_ = now_ns() / 1000 % 1'000'000'000'000;
    std::uint64_t last_sent_ns_ = 0;
    std::uint64_t last_answered_ns_ = 0;
    std::map<int, std::uint64_t> statuses_;
    std::vector<Answered> answered_;
};

void Load::connect_all() {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(plan_.port));
    for (std::size_t i = 0; i < plan_.connections; ++i) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
            std::perror("bench_load: connect");
            std::exit(1);
        }
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (index_.size() <= static_cast<std::size_t>(fd)) index_.resize(fd + 1UL);
        index_[static_cast<std::size_t>(fd)] = connections_.size();
        connections_.emplace_back().fd = fd;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
        idle_.push_back(fd);
    }
}

bool Load::may_send() const {
    if (plan_.requests_max != 0 && sent_ >= plan_.requests_max) return false;
    return now_ns() < end_ns_;
}

void Load::send(Connection& c, std::uint64_t intended_ns) {
    const Body& body = plan_.bodies[sent_ % plan_.bodies.size()];
    c.output.assign(body.text);
    for (const std::size_t at : body.slots) {
        std::uint64_t n = serial_++;
        for (std::size_t i = slot.size(); i-- > 0; n /= 10)
            c.output[at + i] = static_cast<char>('0' + n % 10);
    }
    c.written = 0;
    c.busy = true;
    c.intended_ns = intended_ns;
    c.sent_ns = last_sent_ns_ = now_ns();
    ++sent_;
    ++open_;
    write_some(c);
}

void Load::write_some(Connection& c) {
    while (c.written < c.output.size()) {
        const ssize_t n = ::send(c.fd, c.output.data() + c.written, c.output.size() - c.written,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0) break;
        c.written += static_cast<std::size_t>(n);
    }
    const bool wants = c.written < c.output.size();
    if (wants == c.wants_write) return;
    c.wants_write = wants;
    watch(c.fd, EPOLL_CTL_MOD, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Load::answered(Connection& c, const Frame& frame) {
    last_answered_ns_ = now_ns();
    const int status = static_cast<int>(number(frame.head.substr(9, 3)));
    ++statuses_[status];
    --open_;
    c.busy = false;
    constexpr std::string_view mark = "\"id\":\"";
    const std::size_t at = frame.body.find(mark);
    if (status < 300 && (plan_.rate > 0 || at != std::string_view::npos)) {
        Answered one{{}, c.intended_ns, c.sent_ns, last_answered_ns_};
        if (at != std::string_view::npos) {
            std::string_view id = frame.body.substr(at + mark.size());
            id = id.substr(0, std::min(id.find('"'), id_bytes));
            std::memcpy(one.id, id.data(), id.size());
        }
        answered_.push_back(one);
    }
    if (plan_.rate > 0) {
        idle_.push_back(c.fd);
        send_scheduled();
    } else if (may_send()) {
        send(c, now_ns());
    }
}

void Load::receive(Connection& c) {
    char chunk[65536];
    const ssize_t got = recv(c.fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (c.busy) {
            ++lost_;
            --open_;
        }
        std::erase(idle_, c.fd);
        close(c.fd);
        c.fd = -1;
        return;
    }
    c.input.append(chunk, static_cast<std::size_t>(got));
    const Frame frame = frame_of(c.input);
    if (frame.whole == 0) return;
    const std::size_t whole = frame.whole;
    const std::string kept = std::exchange(c.input, {});
    answered(c, frame_of(kept));
    c.input = kept.substr(whole);
}

/// Sends what is due on the connections that are idle.
void Load::send_scheduled() {
    const double interval_ns = 1e9 / plan_.rate;
    const std::uint64_t now = std::min(now_ns(), end_ns_);
    if (now < start_ns_) return;
    due_ = static_cast<std::uint64_t>(static_cast<double>(now - start_ns_) / interval_ns) + 1;
    if (now == end_ns_) --due_;
    while (sent_ < due_ && !idle_.empty()) {
        const int fd = idle_.back();
        idle_.pop_back();
        const auto after = static_cast<std::uint64_t>(static_cast<double>(sent_) * interval_ns);
        send(at(fd), start_ns_ + after);
    }
    const auto next = static_cast<std::uint64_t>(static_cast<double>(due_) * interval_ns);
    const std::uint64_t when = start_ns_ + next;
    itimerspec timer{};
    timer.it_value = {static_cast<time_t>(when / 1'000'000'000),
                      static_cast<long>(when % 1'000'000'000)};
    if (when < end_ns_) timerfd_settime(timer_, TFD_TIMER_ABSTIME, &timer, nullptr);
}

void Load::begin() {
    start_ns_ = now_ns();
    end_ns_ = start_ns_ + static_cast<std::uint64_t>(plan_.seconds * 1e9);
    if (plan_.rate > 0) {
        watch(timer_, EPOLL_CTL_ADD, EPOLLIN);
        send_scheduled();
        return;
    }
    for (const int fd : std::exchange(idle_, {}))
        if (may_send()) send(at(fd), now_ns());
}

void Load::run() {
    constexpr std::uint64_t grace_ns = 20'000'000'000;
    connect_all();
    begin();
    std::vector<epoll_event> events(512);
    while ((may_send() || open_ > 0 || (plan_.rate > 0 && sent_ < due_)) &&
           now_ns() < end_ns_ + grace_ns) {
        const int n = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < n; ++i) {
            const epoll_event& e = events[static_cast<std::size_t>(i)];
            if (e.data.fd == timer_) {
                std::uint64_t ticks = 0;
                if (read(timer_, &ticks, sizeof ticks) > 0) send_scheduled();
                continue;
            }
            Connection& c = at(e.data.fd);
            if ((e.events & EPOLLOUT) != 0) write_some(c);
            if ((e.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(c);
        }
    }
}

double percentile_us(std::vector<std::uint64_t>& all, double share) {
    if (all.empty()) return 0;
    std::sort(all.begin(), all.end());
    return static_cast<double>(all[static_cast<std::size_t>(share * (all.size() - 1.0))]) / 1e3;
}

void Load::report(const std::string& out) const {
    std::vector<std::uint64_t> behind;
    std::vector<std::uint64_t> latency;
    for (const Answered& a : answered_) {
        behind.push_back(a.sent_ns - a.intended_ns);
        latency.push_back(a.answered_ns - a.intended_ns);
    }
    std::printf(
        "{\"version\":%d,\"sent\":%llu,\"lost\":%llu,\"unanswered\":%llu,\"start_ns\":%llu,"
        "\"last_sent_ns\":%llu,\"last_answered_ns\":%llu,\"behind_p99_us\":%.1f,"
        "\"answer_p50_us\":%.1f,\"answer_p99_us\":%.1f,\"statuses\":{",
        version, static_cast<unsigned long long>(sent_), static_cast<unsigned long long>(lost_),
        static_cast<unsigned long long>(open_), static_cast<unsigned long long>(start_ns_),
        static_cast<unsigned long long>(last_sent_ns_),
        static_cast<unsigned long long>(last_answered_ns_), percentile_us(behind, 0.99),
        percentile_us(latency, 0.5), percentile_us(latency, 0.99));
    const char* comma = "";
    for (const auto& [status, count] : statuses_) {
        std::printf("%s\"%d\":%llu", comma, status, static_cast<unsigned long long>(count));
        comma = ",";
    }
    std::printf("}}\n");
    if (out.empty()) return;
    std::FILE* file = std::fopen(out.c_str(), "wb");
    std::fwrite(answered_.data(), sizeof(Answered), answered_.size(), file);
    std::fclose(file);
}

Body body_of(const std::string& line, const std::string& head) {
    Body out;
    out.text = head + "content-length: " + std::to_string(line.size()) + "\r\n\r\n" + line;
    for (std::size_t at = out.text.find(slot); at != std::string::npos;
         at = out.text.find(slot, at + slot.size()))
        out.slots.push_back(at);
    return out;
}

std::vector<Body> bodies_of(int argc, char** argv) {
    std::string head = "POST " + option(argc, argv, "--path", "/") +
                       " HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n";
    std::string line;
    if (std::ifstream in{option(argc, argv, "--head", "")})
        while (std::getline(in, line)) head += line + "\r\n";
    std::vector<Body> out;
    std::ifstream in{option(argc, argv, "--bodies", "")};
    while (std::getline(in, line)) out.push_back(body_of(line, head));
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    const auto given = [&](std::string_view name, const char* otherwise) {
        return number(option(argc, argv, name, otherwise));
    };
    Plan plan;
    plan.port = static_cast<int>(given("--port", "0"));
    plan.connections = static_cast<std::size_t>(given("--connections", "256"));
    plan.seconds = given("--seconds", "5");
    plan.requests_max = static_cast<std::uint64_t>(given("--requests", "0"));
    plan.rate = given("--rate", "0");
    plan.bodies = bodies_of(argc, argv);
    if (plan.port == 0 || plan.bodies.empty()) {
        std::fprintf(stderr, "bench_load: --port and --bodies are needed\n");
        return 2;
    }
    Load load{std::move(plan)};
    load.run();
    load.report(option(argc, argv, "--out", ""));
    return 0;
}
