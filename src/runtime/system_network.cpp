#include "runtime/system_network.hpp"

#include <cerrno>
#include <cstring>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "base/invariant.hpp"
#include "runtime/system_stream.hpp"
#include "runtime/system_tls.hpp"

namespace blotter::runtime {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

std::string text_of(const Endpoint& at) {
    const std::string address = at.address().to_string();
    return (at.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(at.port());
}

class SystemAcceptor final : public Acceptor {
  public:
    using Socketed = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

    SystemAcceptor(std::shared_ptr<DeadlineSweep> sweep, Socketed acceptor,
                   std::unique_ptr<TlsServer> tls)
        : sweep_(std::move(sweep)), acceptor_(std::move(acceptor)), tls_(std::move(tls)) {
        error_code ignored;
        local_ = acceptor_.local_endpoint(ignored);
    }

    Task<Result<std::unique_ptr<Stream>>> accept() override {
        for (bool waited = false;;) {
            if (!acceptor_.is_open()) co_return fail(Errc::cancelled, "the listener was closed");
            const int descriptor = ::accept4(acceptor_.native_handle(), nullptr, nullptr,
                                             SOCK_NONBLOCK | SOCK_CLOEXEC);
            const int error = descriptor < 0 ? errno : 0;
            if (error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS)
                co_return fail(Errc::unavailable,
                               "cannot accept: " + std::generic_category().message(error));
            if (error == EAGAIN || error == EWOULDBLOCK) {
                const error_code ended =
                    co_await acceptor_.async_wait(asio::socket_base::wait_read, use_task);
                if (ended) co_return fail(Errc::cancelled, "the listener was closed");
                waited = true;
                continue;
            }
            std::unique_ptr<SystemSocket> made;
            if (descriptor >= 0) made = std::make_unique<SystemSocket>(sweep_, descriptor);
            // Many who call at once do not keep everybody else waiting.
            if (!std::exchange(waited, false)) co_await sweep_->loop().end_of_turn();
            if (!acceptor_.is_open()) continue;
            // Any other error is the fault of one connection that is gone already.
            if (!made || made->accept()) continue;
            if (tls_) co_return tls_->wrap(std::move(made));
            co_return std::make_unique<PlainStream>(std::move(made));
        }
    }
    Endpoint local() const override { return local_; }
    Result<> reload_certificates() override { return tls_ ? tls_->reload() : Result<>{}; }
    void close() override {
        error_code ignored;
        acceptor_.close(ignored);
    }

  private:
    std::shared_ptr<DeadlineSweep> sweep_;
    Socketed acceptor_;
    std::unique_ptr<TlsServer> tls_;
    Endpoint local_;
};

std::unexpected<Error> cannot_connect(const Endpoint& to, const error_code& error) {
    return fail(Errc::connect_failed, "cannot connect to " + text_of(to) + ": " + error.message());
}

}  // namespace

struct SystemNetwork::Impl {
    Impl(Loop& loop, std::string authorities)
        : sweep(std::make_shared<DeadlineSweep>(loop)), tls(std::move(authorities)) {
        // Now, so that the lack of a descriptor for it ends the start, not the first connection.
        loop.readiness();
    }
    std::shared_ptr<DeadlineSweep> sweep;
    TlsClient tls;
};

SystemNetwork::SystemNetwork(Loop& loop, std::string authorities)
    : impl_(std::make_unique<Impl>(loop, std::move(authorities))) {}
SystemNetwork::~SystemNetwork() = default;

Result<> check_certificates(const TlsServerOptions& files) {
    TRY(const auto usable, TlsServer::open(files));
    return {};
}

Result<> check_authorities(const std::string& pem) {
    return TlsClient::check(pem);
}

Task<Result<std::unique_ptr<Stream>>> SystemNetwork::connect(Endpoint to, MonoTime deadline) {
    const int descriptor =
        ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) co_return cannot_connect(to, last_error());
    auto socket = std::make_unique<SystemSocket>(impl_->sweep, descriptor);
    const error_code error = co_await socket->connect(to, deadline);
    if (!socket->is_open()) co_return fail(Errc::timeout, text_of(to) + " did not answer in time");
    if (error) co_return cannot_connect(to, error);
    // The address was vetted, so the connection must really lead there. A connection from a port
    // to itself (possible when the system picks the very port that is called) is refused too.
    if (socket->remote() != to || socket->remote() == socket->local())
        co_return fail(Errc::connect_failed, "the connection does not lead to " + text_of(to));
    co_return std::make_unique<PlainStream>(std::move(socket));
}

Task<Result<std::unique_ptr<Stream>>> SystemNetwork::start_tls(std::unique_ptr<Stream> plain,
                                                               TlsClientOptions options,
                                                               MonoTime deadline) {
    auto* const ours = dynamic_cast<PlainStream*>(plain.get());
    INVARIANT(ours != nullptr);
    co_return co_await impl_->tls.start(ours->take(), std::move(options), deadline);
}

Result<std::unique_ptr<Acceptor>> SystemNetwork::listen(ListenOptions options) {
    std::unique_ptr<TlsServer> tls;
    if (options.tls) {
        TRY(tls, TlsServer::open(*options.tls));
    }
    SystemAcceptor::Socketed acceptor{impl_->sweep->loop().executor()};
    error_code error;
    acceptor.open(options.at.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error && options.share == ListenOptions::Share::yes) {
        const int on = 1;
        if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
            error = last_error();
    }
    if (!error) acceptor.bind(options.at, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) acceptor.native_non_blocking(true, error);
    if (error)
        return fail(Errc::unavailable,
                    "cannot listen on " + text_of(options.at) + ": " + error.message());
    return std::make_unique<SystemAcceptor>(impl_->sweep, std::move(acceptor), std::move(tls));
}

std::vector<IpAddress> machine_addresses() {
    std::vector<IpAddress> out;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return out;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{all, &::freeifaddrs};
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr == nullptr) continue;
        if (one->ifa_addr->sa_family == AF_INET) {
            sockaddr_in in{};
            std::memcpy(&in, one->ifa_addr, sizeof in);
            out.emplace_back(asio::ip::make_address_v4(ntohl(in.sin_addr.s_addr)));
        } else if (one->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 in{};
            std::memcpy(&in, one->ifa_addr, sizeof in);
            asio::ip::address_v6::bytes_type bytes;
            std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
            out.emplace_back(asio::ip::address_v6{bytes});
        }
    }
    return out;
}

}  // namespace blotter::runtime
