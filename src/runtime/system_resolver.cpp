#include "runtime/system_resolver.hpp"

#include <algorithm>
#include <ares.h>
#include <netinet/in.h>
#include <optional>
#include <unordered_map>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/invariant.hpp"
#include "runtime/signal.hpp"

namespace blotter::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::size_t addresses_max = 64;
constexpr int first_try_ms = 600;  // doubled by c-ares for the second try
constexpr int tries = 2;
constexpr int udp_bytes_max = 1232;  // fits every path without fragments (DNS flag day 2020)
constexpr std::chrono::seconds channel_age_max{60};

/// One question under way; shared by the task that waits and by c-ares.
struct Question {
    explicit Question(Loop& loop) : answered(loop) {}
    Signal answered;
    std::string host;
    std::optional<Result<std::vector<IpAddress>>> answer;
};

struct Library {
    Library() { INVARIANT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS); }
    ~Library() { ares_library_cleanup(); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
};

std::unexpected<Error> failure_of(int status, const std::string& host) {
    switch (status) {
        case ARES_ENOTFOUND:
            return fail(Errc::resolve_failed, "there is no host named " + host);
        case ARES_ENODATA:
            return fail(Errc::resolve_failed, "the host " + host + " has no address");
        case ARES_ESERVFAIL:
            return fail(Errc::resolve_failed, "the name server failed to look up " + host);
        case ARES_EREFUSED:
            return fail(Errc::resolve_failed, "the name server refuses to look up " + host);
        case ARES_ECONNREFUSED:
            return fail(Errc::resolve_failed, "no name server can be reached");
        case ARES_ETIMEOUT:
            return fail(Errc::timeout, "the name servers did not answer in time for " + host);
        case ARES_EDESTRUCTION:
        case ARES_ECANCELLED:
            return fail(Errc::cancelled, "the lookup was given up");
        default:
            return fail(Errc::resolve_failed,
                        "cannot look up " + host + ": " + ares_strerror(status));
    }
}

std::optional<IpAddress> address_of(const sockaddr* from) {
    if (from->sa_family == AF_INET) {
        const auto* const v4 = reinterpret_cast<const sockaddr_in*>(from);
        return asio::ip::address_v4{ntohl(v4->sin_addr.s_addr)};
    }
    if (from->sa_family != AF_INET6) return std::nullopt;
    asio::ip::address_v6::bytes_type bytes;
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(from);
    std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
    return asio::ip::address_v6{bytes};
}

void on_answer(void* argument, int status, int, ares_addrinfo* found) {
    const std::unique_ptr<std::shared_ptr<Question>> handle{
        static_cast<std::shared_ptr<Question>*>(argument)};
    Question& question = **handle;
    std::vector<IpAddress> addresses;
    for (const ares_addrinfo_node* node = found ? found->nodes : nullptr;
         node && addresses.size() < addresses_max; node = node->ai_next) {
        const auto address = address_of(node->ai_addr);
        if (address && std::ranges::find(addresses, *address) == addresses.end())
            addresses.push_back(*address);
    }
    if (found) ares_freeaddrinfo(found);
    if (status == ARES_SUCCESS && addresses.empty()) status = ARES_ENODATA;
    if (status == ARES_SUCCESS)
        question.answer.emplace(std::move(addresses));
    else
        question.answer.emplace(failure_of(status, question.host));
    question.answered.notify();
}

}  // namespace

/// A c-ares channel whose sockets and timeouts are served by the loop.
class SystemResolver::Channel : public std::enable_shared_from_this<Channel> {
  public:
    explicit Channel(Loop& loop) : loop_(loop), born_(loop.now()) { static const Library library; }
    ~Channel() {
        loop_.timers().cancel(timer_);
        if (channel_) ares_destroy(channel_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    Result<> open(const SystemResolverOptions& options) {
        ares_options wanted{};
        char lookups[] = "fb";  // the hosts file, then the name servers
        wanted.flags = ARES_FLAG_EDNS;
        wanted.ednspsz = udp_bytes_max;
        wanted.timeout = first_try_ms;
        wanted.tries = tries;
        wanted.lookups = lookups;
        wanted.sock_state_cb = on_socket;
        wanted.sock_state_cb_data = this;
        const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                         ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS;
        const int status = ares_init_options(&channel_, &wanted, mask);
        if (status != ARES_SUCCESS) {
            channel_ = nullptr;
            return fail(Errc::unavailable,
                        std::string{"cannot prepare name lookups: "} + ares_strerror(status));
        }
        if (options.servers.empty()) return {};
        std::string list;
        for (const std::string& server : options.servers)
            list += (list.empty() ? "" : ",") + server;
        if (ares_set_servers_ports_csv(channel_, list.c_str()) != ARES_SUCCESS)
            return fail(Errc::invalid_argument,
                        "'" + list + "' is no list of name servers such as 192.0.2.1:53");
        return {};
    }

    void ask(const std::shared_ptr<Question>& question) {
        ares_addrinfo_hints hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_flags = ARES_AI_NOSORT;
        ares_getaddrinfo(channel_, question->host.c_str(), nullptr, &hints, on_answer,
                         new std::shared_ptr<Question>(question));
        arm();
    }

    bool is_old() const { return loop_.now() - born_ > channel_age_max; }

  private:
    using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

    /// One of c-ares' sockets. The descriptor is watched here and closed by c-ares.
    struct Watch {
        explicit Watch(Executor executor) : descriptor(executor) {}
        Descriptor descriptor;
        bool wants_read = false;
        bool wants_write = false;
        bool reading = false;
        bool writing = false;
    };

    static void on_socket(void* self, ares_socket_t socket, int readable, int writable) {
        static_cast<Channel*>(self)->watch(socket, readable != 0, writable != 0);
    }

    void watch(ares_socket_t socket, bool readable, bool writable) {
        auto& slot = watches_[socket];
        if (!readable && !writable) {
            // Called before c-ares closes it: the loop must let go of it first.
            if (slot) slot->descriptor.release();
            watches_.erase(socket);
            return;
        }
        if (!slot) {
            slot = std::make_shared<Watch>(loop_.executor());
            boost::system::error_code error;
            slot->descriptor.assign(socket, error);
        }
        slot->wants_read = readable;
        slot->wants_write = writable;
        wait(slot, socket);
    }

    void wait(const std::shared_ptr<Watch>& watch, ares_socket_t socket) {
        if (watch->wants_read && !std::exchange(watch->reading, true))
            watch->descriptor.async_wait(
                Descriptor::wait_read,
                [self = weak_from_this(), watch, socket](const boost::system::error_code& error) {
                    watch->reading = false;
                    if (const auto alive = self.lock(); alive && !error)
                        alive->process(watch, socket, ARES_SOCKET_BAD);
                });
        if (watch->wants_write && !std::exchange(watch->writing, true))
            watch->descriptor.async_wait(
                Descriptor::wait_write,
                [self = weak_from_this(), watch, socket](const boost::system::error_code& error) {
                    watch->writing = false;
                    if (const auto alive = self.lock(); alive && !error)
                        alive->process(watch, ARES_SOCKET_BAD, socket);
                });
    }

    void process(const std::shared_ptr<Watch>& watch, ares_socket_t readable,
                 ares_socket_t writable) {
        const ares_socket_t socket = readable == ARES_SOCKET_BAD ? writable : readable;
        const auto known = watches_.find(socket);
        if (known == watches_.end() || known->second != watch) return;
        ares_process_fd(channel_, readable, writable);
        const auto still = watches_.find(socket);
        if (still != watches_.end() && still->second == watch) wait(watch, socket);
        arm();
    }

    /// Wakes c-ares for its own timeouts.
    void arm() {
        loop_.timers().cancel(timer_);
        timer_ = {};
        timeval wait{};
        if (!ares_timeout(channel_, nullptr, &wait)) return;
        const auto delay = std::chrono::seconds{wait.tv_sec} +
                           std::chrono::microseconds{wait.tv_usec} + std::chrono::milliseconds{1};
        timer_ = loop_.timers().at(loop_.now() + delay, [this] {
            timer_ = {};
            ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
            arm();
        });
    }

    Loop& loop_;
    MonoTime born_;
    ares_channel channel_ = nullptr;
    std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
    Timers::Handle timer_;
};

SystemResolver::SystemResolver(Loop& loop, SystemResolverOptions options,
                               std::shared_ptr<Channel> channel)
    : loop_(loop), options_(std::move(options)), channel_(std::move(channel)) {}

SystemResolver::~SystemResolver() = default;

Result<std::unique_ptr<SystemResolver>> SystemResolver::open(Loop& loop,
                                                             SystemResolverOptions options) {
    auto channel = std::make_shared<Channel>(loop);
    CHECK(channel->open(options));
    return std::unique_ptr<SystemResolver>{
        new SystemResolver{loop, std::move(options), std::move(channel)}};
}

Task<Result<std::vector<IpAddress>>> SystemResolver::resolve(std::string host, MonoTime deadline) {
    if (channel_->is_old()) {
        // Questions under way hold the old channel until they are answered.
        auto fresh = std::make_shared<Channel>(loop_);
        if (fresh->open(options_)) channel_ = std::move(fresh);
    }
    const std::shared_ptr<Channel> channel = channel_;
    const auto question = std::make_shared<Question>(loop_);
    question->host = std::move(host);
    channel->ask(question);
    const MonoTime latest = std::min(deadline, loop_.now() + options_.time_max);
    co_await question->answered.wait_until(latest);
    if (!question->answer) co_return failure_of(ARES_ETIMEOUT, question->host);
    co_return *std::move(question->answer);
}

}  // namespace blotter::runtime
