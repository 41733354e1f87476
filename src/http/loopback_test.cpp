// Server and client against each other: over real sockets, and over wires in memory with a clock
// that only the test moves.
#include <gtest/gtest.h>

#include "http/client.hpp"
#include "http/input_buffer.hpp"
#include "http/problem.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "http/test_rig.hpp"
#include "runtime/test_certificates.hpp"

namespace blotter::http {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using testing_rig::MemoryLoop;
using testing_rig::RealLoop;

/// Routes as a real application would: the router first, then the body's rule.
class Application final : public Handler {
  public:
    Application() {
        EXPECT_TRUE(router_.add(Method::post, "/echo/{word}", RouteId{1}));
        EXPECT_TRUE(router_.add(Method::get, "/big", RouteId{2}));
    }
    BodyRule body_rule(const Request&) override { return {BodyRule::How::buffer, 1 << 20}; }
    Task<Response> handle(Request& request, RequestContext& context) override {
        ++requests;
        secure += context.tls != nullptr && context.tls->version == "TLSv1.3" ? 1 : 0;
        const auto found = router_.find(request.method, request.path());
        if (const auto* missing = std::get_if<Router::NoSuchPath>(&found))
            co_return make_response_for(*missing);
        if (const auto* missing = std::get_if<Router::NoSuchMethod>(&found))
            co_return make_response_for(*missing);
        const auto* match = std::get_if<Router::Match>(&found);
        if (!match) co_return make_problem({Errc::malformed, "bad path"});
        Response response;
        response.fixed_fields = "content-type: text/plain\r\n";
        response.body = match->route == RouteId{2}
                            ? std::string(50'000, 'b')
                            : std::string{match->parameters.get("word")} + " " + request.body;
        co_return response;
    }

    int requests = 0;
    int secure = 0;

  private:
    Router router_;
};

template <typename Where>
struct Pair {
    Where on;
    Application application;
    std::unique_ptr<Server> server;
    runtime::MemoryResolver names{on.loop};
    Client client{on.loop, on.network, names};
    std::shared_ptr<const Origin> origin;
    int right = 0;

    void start(ServerOptions options = {}, std::optional<runtime::TlsServerOptions> tls = {},
               std::string ca_pem = {}) {
        runtime::ListenOptions listen;
        listen.tls = tls;
        listen.at = {boost::asio::ip::address_v4::loopback(), 0};
        auto acceptor = on.network.listen(listen);
        ASSERT_TRUE(acceptor) << acceptor.error().detail;
        server = std::make_unique<Server>(on.loop, *std::move(acceptor), application, options);
        server->on_exception = [](std::exception_ptr) { ADD_FAILURE() << "the server threw"; };
        server->start();
        origin = Origin::make({.scheme = tls ? Scheme::https : Scheme::http,
                               .host = "127.0.0.1",
                               .port = server->acceptor().local().port(),
                               .ca_pem = ca_pem})
                     .value();
    }
    Exchange make_exchange(std::string body) {
        Exchange what;
        what.origin = origin;
        what.request.head =
            std::make_shared<const std::string>(origin->make_head(Method::post, "/echo/a").value());
        what.request.body = std::make_shared<const std::string>(std::move(body));
        what.check = [](const runtime::IpAddress&, std::uint16_t) { return Result<>{}; };
        return what;
    }
    Task<> talk(int first, int count, int& left) {
        for (int i = first; i < first + count; ++i) {
            const std::string body = "body " + std::to_string(i);
            const auto outcome = co_await client.exchange(make_exchange(body));
            const bool good = outcome && outcome->status == 200 && outcome->body == "a " + body;
            right += good ? 1 : 0;
            EXPECT_TRUE(good) << (outcome ? outcome->body : outcome.error().error.detail);
        }
        --left;
    }
    Task<> talk_all(int talkers, int count) {
        int left = talkers;
        for (int i = 0; i < talkers; ++i) on.group.spawn(talk(i * count, count, left));
        while (left > 0) co_await on.loop.sleep_for(1ms);
        co_await stop();
    }
    Task<> stop() {
        client.drop_idle();
        server->close();
        co_await server->join(on.in(5s));
    }
};

TEST(Loopback, ten_thousand_requests_over_kept_connections) {
    Pair<RealLoop> pair;
    pair.start();
    pair.on.run(pair.talk_all(16, 625));
    EXPECT_EQ(pair.right, 10'000);
    EXPECT_EQ(pair.application.requests, 10'000);
}

TEST(Loopback, requests_over_tls_with_and_without_a_kept_connection) {
    namespace certificates = runtime::testing_certificates;
    Pair<RealLoop> pair;
    const Timestamp now = pair.on.clock.wall();
    const certificates::Pair made = certificates::make_certificate(
        {.names = {"IP:127.0.0.1"}, .not_before = now - 1h, .not_after = now + 1h}, nullptr);
    const certificates::TemporaryDirectory files;
    pair.start({},
               runtime::TlsServerOptions{files.write("chain.pem", made.certificate_pem),
                                         files.write("key.pem", made.key_pem)},
               made.certificate_pem);
    const auto story = [](Pair<RealLoop>& pair, std::string fingerprint) -> Task<> {
        const auto first = co_await pair.client.exchange(pair.make_exchange("1"));
        EXPECT_TRUE(first) << first.error().error.detail;
        if (!first) co_return;
        EXPECT_FALSE(first->facts.tls->resumed);
        EXPECT_EQ(first->facts.tls->peer_certificate_sha256, fingerprint);
        const auto kept = co_await pair.client.exchange(pair.make_exchange("2"));
        EXPECT_EQ(kept->facts.reused, Facts::Reused::yes);
        pair.client.drop_idle();
        const auto resumed =
            co_await pair.client.exchange(pair.make_exchange(std::string(90'000, 'x')));
        EXPECT_EQ(resumed->facts.reused, Facts::Reused::no);
        EXPECT_TRUE(resumed->facts.tls->resumed);
        EXPECT_EQ(resumed->body_end, BodyEnd::cut);
        EXPECT_EQ(pair.application.secure, 3);
        co_await pair.stop();
    };
    pair.on.run(story(pair, certificates::fingerprint_of(made)));
}

TEST(Loopback, everything_holds_when_bytes_come_one_by_one) {
    Pair<MemoryLoop> pair;
    pair.on.hub.set_default_faults({.latency = 3ms, .read_bytes_max = 1});
    pair.start();
    pair.on.run(pair.talk_all(4, 5));
    EXPECT_EQ(pair.right, 20);
}

TEST(Loopback, requests_survive_or_fail_honestly_when_connections_break) {
    // Whatever the byte at which the connection breaks: an answer, or a failure that says whether
    // the request may have arrived. Never both a "no" and a request that was handled.
    for (std::uint64_t cut = 0; cut < 120; cut += 7) {
        Pair<MemoryLoop> pair;
        pair.start();
        pair.on.hub.set_default_faults({.break_after_sent = cut});
        std::optional<Client::Outcome> outcome;
        const auto story = [](auto& pair, auto& outcome) -> Task<> {
            outcome = co_await pair.client.exchange(pair.make_exchange("0123456789"));
            co_await pair.on.loop.sleep_for(1s);
            co_await pair.stop();
        };
        pair.on.run(story(pair, outcome));
        ASSERT_TRUE(outcome);
        if (!*outcome && outcome->error().sent == Failure::Sent::no) {
            EXPECT_EQ(pair.application.requests, 0) << cut;
        }
    }
}

TEST(Loopback, the_servers_time_limits_hold_on_a_clock_of_their_own) {
    Pair<MemoryLoop> pair;
    pair.start();
    const auto story = [](Pair<MemoryLoop>& pair) -> Task<> {
        // Idle between requests: 60 s.
        (void)co_await pair.client.exchange(pair.make_exchange("x"));
        EXPECT_EQ(pair.server->connections(), 1U);
        // A head of a byte a second: cut after 10 s.
        auto slow =
            (co_await pair.on.network.connect(pair.server->acceptor().local(), pair.on.in(1s)))
                .value();
        const MonoTime start = pair.on.loop.now();
        const std::array<std::string_view, 1> byte{"G"};
        for (;;) {
            const auto sent = co_await slow->write(byte, pair.on.in(1s));
            if (!sent) break;
            co_await pair.on.loop.sleep_for(1s);
        }
        EXPECT_LE(pair.on.loop.now() - start, 14s);
        co_await pair.on.loop.sleep_for(50s);
        EXPECT_EQ(pair.server->connections(), 0U);
        co_await pair.stop();
    };
    pair.on.run(story(pair));
}

TEST(Loopback, idle_connections_hold_little_memory) {
    // The buffers of a session and of a kept connection shrink back after a large message.
    InputBuffer buffer;
    buffer.widen(64 * 1024);
    buffer.rest();
    EXPECT_EQ(buffer.room().size(), InputBuffer::idle_bytes);
}

}  // namespace
}  // namespace blotter::http
