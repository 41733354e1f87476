#include "http/server.hpp"

#include <array>

#include "base/invariant.hpp"
#include "http/session.hpp"

namespace blotter::http {
namespace {

constexpr std::size_t turned_away_max = 64;
constexpr std::chrono::seconds turn_away_time{1};
constexpr std::chrono::milliseconds accept_pause{100};

constexpr std::string_view busy_answer =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "content-type: application/problem+json\r\n"
    "retry-after: 1\r\n"
    "connection: close\r\n"
    "content-length: 144\r\n"
    "\r\n"
    R"({"type":"/problems/overloaded","title":"Blotter is busy","status":503,)"
    R"("code":"overloaded","detail":"there are too many connections; retry soon"})";
constexpr std::string_view busy_body = busy_answer.substr(busy_answer.find("\r\n\r\n") + 4);
static_assert(busy_body.size() == 144);

runtime::Task<> serve(std::unique_ptr<Session> session) {
    co_await session->run();
}

/// Says that there is no room, and why the connection ends.
runtime::Task<> turn_away(ServerState& state, std::unique_ptr<runtime::Stream> stream) {
    const MonoTime deadline = state.loop.now() + turn_away_time;
    const std::array<std::string_view, 1> parts{busy_answer};
    const auto written = co_await stream->write(parts, deadline);
    if (written) co_await stream->shutdown(deadline);
    // The request is read, or the answer could be lost with it.
    std::array<char, 2048> thrown;
    for (int reads = 0; written && reads < 8; ++reads) {
        const auto got = co_await stream->read_some(thrown, deadline);
        if (!got || *got == 0) break;
    }
    stream->close();
    --state.turned_away;
}

}  // namespace

Server::Server(runtime::Loop& loop, std::unique_ptr<runtime::Acceptor> acceptor, Handler& handler,
               ServerOptions options)
    : loop_(loop),
      acceptor_(std::move(acceptor)),
      state_(std::make_unique<ServerState>(ServerState{loop, handler, options, *this})),
      tasks_(loop) {
    tasks_.on_failure = [this](std::exception_ptr failure) {
        if (on_exception) on_exception(failure);
    };
}

Server::~Server() = default;

std::size_t Server::connections() const {
    return state_->sessions_count;
}

void Server::start() {
    tasks_.spawn(accept_loop());
}

runtime::Task<> Server::accept_loop() {
    while (!state_->stopping) {
        auto accepted = co_await acceptor_->accept();
        if (accepted) {
            admit(*std::move(accepted));
        } else if (accepted.error().code == Errc::cancelled) {
            break;
        } else {
            // Out of descriptors: the clients wait in the queue of the system meanwhile.
            co_await loop_.sleep_for(accept_pause);
        }
    }
}

void Server::admit(std::unique_ptr<runtime::Stream> stream) {
    const ServerOptions& options = state_->options;
    bool full = state_->sessions_count >= options.connections_max;
    if (!full && options.connections_per_address_max > 0) {
        const auto found = state_->per_address.find(stream->remote().address().to_string());
        full = found != state_->per_address.end() &&
               found->second >= options.connections_per_address_max;
    }
    if (!full) {
        tasks_.spawn(serve(std::make_unique<Session>(*state_, std::move(stream))));
    } else if (state_->turned_away < turned_away_max) {
        ++state_->turned_away;
        tasks_.spawn(turn_away(*state_, std::move(stream)));
    }
}

void Server::close() {
    if (std::exchange(state_->stopping, true)) return;
    acceptor_->close();
    for (Session& session : state_->sessions) session.stop();
}

runtime::Task<> Server::join(MonoTime deadline) {
    INVARIANT(state_->stopping);
    const auto cut = loop_.timers().at(deadline, [this] {
        for (Session& session : state_->sessions) session.cut();
    });
    co_await tasks_.join();
    loop_.timers().cancel(cut);
}

}  // namespace blotter::http
