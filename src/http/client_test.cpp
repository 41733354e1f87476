#include "http/client.hpp"

#include <gtest/gtest.h>

#include "http/test_rig.hpp"

namespace blotter::http {
namespace {

using namespace std::chrono_literals;
using runtime::IpAddress;
using runtime::LinkFaults;
using runtime::Task;
using testing_rig::FakePeer;
using testing_rig::MemoryLoop;
using Then = FakePeer::Reply::Then;

struct ClientFixture : testing::Test {
    MemoryLoop on;
    FakePeer peer{on, {}};
    Client client{on.loop, on.network, on.resolver};
    std::shared_ptr<const Origin> origin = make_origin({});
    ExchangeLimits limits;
    BodySink* sink = nullptr;
    int checks = 0;
    std::vector<IpAddress> denied;

    ClientFixture() { on.resolver.set("a.example", {peer.at().address()}); }

    std::shared_ptr<const Origin> make_origin(OriginOptions options) {
        if (options.host.empty()) options.host = "a.example";
        options.scheme = options.scheme == Scheme::https ? Scheme::http : options.scheme;
        options.port = peer.at().port();
        return Origin::make(std::move(options)).value();
    }
    Exchange make_exchange(std::string body = "{}", Method method = Method::post) {
        Exchange what;
        what.origin = origin;
        what.request.method = method;
        what.request.head =
            std::make_shared<const std::string>(origin->make_head(method, "/hook").value());
        append_field(what.request.fields, "x-id", "1");
        if (method == Method::post) what.request.body = std::make_shared<std::string>(body);
        what.check = [this](const IpAddress& address, std::uint16_t port) -> Result<> {
            ++checks;
            EXPECT_EQ(port, peer.at().port());
            if (std::ranges::find(denied, address) != denied.end())
                return fail(Errc::address_denied, address.to_string() + " is not allowed");
            return {};
        };
        what.limits = limits;
        what.sink = sink;
        return what;
    }
    Task<> exchange_into(Exchange what, std::optional<Client::Outcome>& outcome) {
        outcome = co_await client.exchange(std::move(what));
    }
    Client::Outcome exchange(Exchange what) {
        std::optional<Client::Outcome> outcome;
        on.run(exchange_into(std::move(what), outcome));
        return *std::move(outcome);
    }
    Client::Outcome exchange() { return exchange(make_exchange()); }
    Client::Outcome exchange_with(std::string reply, Then then = Then::keep, Duration pace = {}) {
        peer.replies = {{std::move(reply), then, pace}};
        return exchange();
    }
};

std::string ok(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string{body};
}

TEST_F(ClientFixture, sends_one_request_and_reads_the_answer) {
    const auto outcome = exchange_with(ok("hello"));
    ASSERT_TRUE(outcome) << outcome.error().error.detail;
    EXPECT_EQ(outcome->status, 200);
    EXPECT_EQ(outcome->body, "hello");
    EXPECT_EQ(outcome->headers.get("content-length"), "5");
    EXPECT_EQ(outcome->facts.remote, peer.at());
    ASSERT_EQ(peer.requests.size(), 1U);
    EXPECT_EQ(peer.requests[0],
              "POST /hook HTTP/1.1\r\nhost: a.example:" + std::to_string(peer.at().port()) +
                  "\r\nx-id: 1\r\ncontent-length: 2\r\n\r\n{}");
}

TEST_F(ClientFixture, reads_the_same_from_any_cut_of_the_bytes) {
    on.hub.set_default_faults({.read_bytes_max = 1});
    const auto chunked = exchange_with(
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n");
    ASSERT_TRUE(chunked) << chunked.error().error.detail;
    EXPECT_EQ(chunked->status, 201);
    EXPECT_EQ(chunked->body, "abcde");
    EXPECT_EQ(chunked->body_end, BodyEnd::complete);
    EXPECT_EQ(client.idle(), 1U);
    const auto sized = exchange_with(ok("hello"));
    ASSERT_TRUE(sized);
    EXPECT_EQ(sized->body, "hello");
    EXPECT_EQ(sized->facts.reused, Facts::Reused::yes);
}

TEST_F(ClientFixture, keeps_connections_and_resolves_once) {
    peer.replies = {{ok("x")}};
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(exchange());
    EXPECT_EQ(peer.connections, 1);
    EXPECT_EQ(peer.requests.size(), 5U);
    EXPECT_EQ(on.resolver.asked(), 1U);
    EXPECT_EQ(checks, 5);  // a kept connection's address is judged again
}

TEST_F(ClientFixture, never_keeps_what_cannot_be_trusted) {
    struct Row {
        std::string reply;
        Then then = Then::keep;
    };
    for (const Row& row :
         std::vector<Row>{{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"},
                          {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"},
                          {ok("x") + "HTTP/1.1 200 OK\r\n\r\n"},
                          {"HTTP/1.1 204 No Content\r\n\r\nbody"},
                          {"HTTP/1.1 200 OK\r\n\r\nuntil the end", Then::close}}) {
        const int before = peer.connections;
        const auto outcome = exchange_with(row.reply, row.then);
        ASSERT_TRUE(outcome) << row.reply;
        EXPECT_EQ(client.idle(), 0U) << row.reply;
        EXPECT_EQ(peer.connections, before + 1);
    }
}

TEST_F(ClientFixture, drops_a_kept_connection_that_the_other_side_ended_or_spoke_on) {
    EXPECT_TRUE(exchange_with(ok("x"), Then::close));
    EXPECT_EQ(client.idle(), 1U);
    on.turn();
    EXPECT_TRUE(exchange());
    EXPECT_EQ(peer.connections, 2);
    EXPECT_EQ(peer.requests.size(), 2U);
    // Late bytes: a 204 whose body comes after the answer was taken.
    peer.replies = {{"HTTP/1.1 204 No Content\r\n\r\nlate", Then::keep, 1s}};
    limits.rate_grace = 1min;
    limits.total = 2min;
    EXPECT_TRUE(exchange());
    on.let_pass(3s);
    peer.replies = {{ok("y")}};
    const auto outcome = exchange();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->body, "y");
}

TEST_F(ClientFixture, writes_again_when_the_request_cannot_have_arrived) {
    // The other side ends the kept connection; the news is still on its way when the next request
    // is written, and the write itself fails.
    on.hub.set_faults(peer.at(), {.latency = 200ms});
    peer.replies = {{ok("first"), Then::close, 10ms}, {ok("second")}};
    std::optional<Client::Outcome> first;
    std::optional<Client::Outcome> second;
    const auto story = [](ClientFixture& f, auto& first, auto& second) -> Task<> {
        co_await f.exchange_into(f.make_exchange(), first);
        EXPECT_EQ(f.client.idle(), 1U);
        co_await f.exchange_into(f.make_exchange(), second);
    };
    on.run(story(*this, first, second));
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->body, "second");
    EXPECT_EQ((*second)->facts.reused, Facts::Reused::no);
    EXPECT_EQ(peer.connections, 2);
    EXPECT_EQ(peer.requests.size(), 2U);
}

TEST_F(ClientFixture, does_not_write_again_when_the_request_may_have_arrived) {
    on.hub.set_faults(peer.at(), {.break_after_sent = 120});
    EXPECT_TRUE(exchange_with(ok("x")));
    const auto broken = exchange();
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().error.code, Errc::connection_closed);
    EXPECT_EQ(broken.error().stage, Stage::head);
    EXPECT_EQ(broken.error().sent, Failure::Sent::maybe);
    EXPECT_EQ(broken.error().facts.reused, Facts::Reused::yes);
    EXPECT_EQ(peer.requests.size(), 1U);
    EXPECT_EQ(peer.connections, 1);
}

TEST_F(ClientFixture, forgets_idle_connections_in_time) {
    EXPECT_TRUE(exchange_with(ok("x")));
    EXPECT_EQ(client.idle(), 1U);
    on.let_pass(61s);
    EXPECT_EQ(client.idle(), 0U);
    EXPECT_TRUE(exchange());
    EXPECT_EQ(peer.connections, 2);
    client.drop_idle(*origin);
    EXPECT_EQ(client.idle(), 0U);
}

TEST_F(ClientFixture, origins_with_another_key_share_nothing) {
    EXPECT_TRUE(exchange_with(ok("x")));
    OriginOptions other;
    other.session_key = "workspace 2";
    origin = make_origin(other);
    EXPECT_TRUE(exchange());
    EXPECT_EQ(peer.connections, 2);
    EXPECT_EQ(client.idle(), 2U);
}

TEST_F(ClientFixture, connects_only_to_addresses_that_pass) {
    const auto bad = boost::asio::ip::make_address("10.0.0.5");
    denied = {bad};
    on.resolver.set("a.example", {bad, peer.at().address()});
    EXPECT_TRUE(exchange_with(ok("x")));
    EXPECT_EQ(on.hub.calls({bad, peer.at().port()}), 0U);
    // The rules change: the kept connection is not used again, and no other address is left.
    denied.push_back(peer.at().address());
    const auto refused = exchange();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, Errc::address_denied);
    EXPECT_EQ(refused.error().stage, Stage::vet);
    EXPECT_EQ(refused.error().sent, Failure::Sent::no);
    EXPECT_EQ(peer.connections, 1);
    EXPECT_EQ(client.idle(), 0U);
}

TEST_F(ClientFixture, a_name_that_changes_its_answer_gains_nothing) {
    const auto inside = boost::asio::ip::make_address("169.254.169.254");
    denied = {inside};
    EXPECT_TRUE(exchange_with(ok("x"), Then::close));
    on.resolver.set("a.example", {inside});
    const auto refused = exchange();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, Errc::address_denied);
    EXPECT_EQ(on.resolver.asked(), 2U) << "one look-up for each connection";
    EXPECT_EQ(on.hub.calls({inside, peer.at().port()}), 0U);
}

TEST_F(ClientFixture, an_address_in_the_url_is_not_resolved_but_checked) {
    OriginOptions literal;
    literal.host = "127.0.0.1";
    origin = make_origin(literal);
    EXPECT_TRUE(exchange_with(ok("x")));
    EXPECT_EQ(on.resolver.asked(), 0U);
    EXPECT_EQ(checks, 1);
}

TEST_F(ClientFixture, tries_the_addresses_one_after_the_other) {
    std::vector<IpAddress> addresses;
    for (int i = 0; i < 63; ++i)
        addresses.push_back(boost::asio::ip::make_address("192.0.2." + std::to_string(i + 1)));
    addresses.push_back(peer.at().address());
    on.resolver.set("a.example", addresses);
    EXPECT_TRUE(exchange_with(ok("x")));
    client.drop_idle();
    // One that never answers does not use up the time of the next.
    on.hub.set_faults({addresses[0], peer.at().port()}, {.connect = LinkFaults::Connect::ignore});
    EXPECT_TRUE(exchange());
}

TEST_F(ClientFixture, one_address_among_many_that_say_nothing_is_found_in_time) {
    std::vector<IpAddress> addresses;
    for (int i = 0; i < 63; ++i)
        addresses.push_back(boost::asio::ip::make_address("192.0.2." + std::to_string(i + 1)));
    for (const IpAddress& address : addresses)
        on.hub.set_faults({address, peer.at().port()}, {.connect = LinkFaults::Connect::ignore});
    addresses.push_back(peer.at().address());
    on.resolver.set("a.example", addresses);
    EXPECT_TRUE(exchange_with(ok("x")));
    EXPECT_EQ(peer.connections, 1);
    // Where nobody answers at all, the time for connecting ends it.
    client.drop_idle();
    addresses.pop_back();
    on.resolver.set("a.example", addresses);
    const auto silent = exchange();
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().error.code, Errc::timeout);
    EXPECT_EQ(silent.error().stage, Stage::connect);
}

TEST_F(ClientFixture, a_late_second_connection_is_closed_with_nothing_sent) {
    const auto slow = boost::asio::ip::make_address("192.0.2.1");
    FakePeer late{on, {.at = {slow, peer.at().port()}}};
    late.replies = {{ok("late")}};
    on.hub.set_faults(late.at(), {.latency = std::chrono::milliseconds{200}});
    on.resolver.set("a.example", {slow, peer.at().address()});
    const auto answer = exchange_with(ok("first"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "first");
    on.let_pass(Duration{2'000});
    EXPECT_TRUE(late.requests.empty());
    EXPECT_EQ(client.idle(), 1U);
}

TEST_F(ClientFixture, keeps_to_the_time_limits_of_each_stage) {
    const auto expect_timeout = [&](Stage stage, Duration at_least, Duration at_most) {
        const MonoTime start = on.loop.now();
        const auto outcome = exchange();
        ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error().error.code, Errc::timeout) << outcome.error().error.detail;
        EXPECT_EQ(to_text(outcome.error().stage), to_text(stage));
        EXPECT_GE(on.loop.now() - start, at_least) << to_text(stage);
        EXPECT_LE(on.loop.now() - start, at_most) << to_text(stage);
    };
    on.resolver.set_latency(3s);
    expect_timeout(Stage::resolve, 2s, 2100ms);
    on.resolver.set_latency({});
    on.hub.set_faults(peer.at(), {.connect = LinkFaults::Connect::ignore});
    expect_timeout(Stage::connect, 5s, 5100ms);
    on.hub.set_faults(peer.at(), {});
    peer.replies = {{""}};
    expect_timeout(Stage::head, 15s, 15100ms);
    // A byte a second: the total runs out in the head.
    peer.replies = {{"HTTP/1.1 200 OK\r\nX: " + std::string(1000, 'x'), Then::keep, 1s}};
    expect_timeout(Stage::head, 5s, 7s);
    // Fast enough for the minimum rate, but endless.
    peer.replies = {{"HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x'), Then::keep, 10ms}};
    limits.rate_min = 10;
    expect_timeout(Stage::head, 30s, 30100ms);
    on.hub.set_faults(peer.at(), {.stall_after_sent = 0});
    peer.replies = {{ok("x")}};
    expect_timeout(Stage::head, 15s, 15100ms);
}

TEST_F(ClientFixture, judges_by_the_head_whatever_becomes_of_the_body) {
    struct Row {
        std::string reply;
        Then then;
        Duration pace;
        BodyEnd end;
    };
    const std::string huge(200'000, 'x');
    for (const Row& row : std::vector<Row>{
             {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Then::close, {}, BodyEnd::broken},
             {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
              Then::keep,
              {},
              BodyEnd::too_slow},
             {"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n" + huge,
              Then::keep,
              {},
              BodyEnd::cut},
             {"HTTP/1.1 200 OK\r\n\r\n" + huge, Then::keep, {}, BodyEnd::cut},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n" + huge,
              Then::keep,
              {},
              BodyEnd::cut},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
              Then::keep,
              {},
              BodyEnd::malformed},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
              Then::keep,
              {},
              BodyEnd::malformed},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(999, 'x'),
              Then::keep,
              {},
              BodyEnd::malformed},
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
              Then::close,
              {},
              BodyEnd::broken},
             {"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + std::string(300, 'b'), Then::keep, 1s,
              BodyEnd::too_slow}}) {
        if (row.pace > Duration{}) limits.rate_grace = 25s;
        const MonoTime start = on.loop.now();
        const auto outcome = exchange_with(row.reply, row.then, row.pace);
        ASSERT_TRUE(outcome) << row.reply.substr(0, 60) << outcome.error().error.detail;
        EXPECT_EQ(outcome->status, 200);
        EXPECT_EQ(to_text(outcome->body_end), to_text(row.end)) << row.reply.substr(0, 60);
        EXPECT_LE(outcome->body.size(), 65'536U);
        EXPECT_EQ(client.idle(), 0U);
        EXPECT_LE(on.loop.now() - start, 31s);
        limits.rate_grace = 5s;
    }
}

TEST_F(ClientFixture, refuses_answers_that_are_no_http) {
    std::string interim;
    for (int i = 0; i < 1000; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
    std::string fields;
    for (int i = 0; i < 100'000; ++i) fields += "a: b\r\n";
    struct Row {
        std::string reply;
        Errc code;
        Then then = Then::keep;
    };
    for (const Row& row : std::vector<Row>{
             {"hello", Errc::protocol_error},
             {"<html>", Errc::protocol_error, Then::close},
             {"HTTP/2 200 OK\r\n\r\n", Errc::protocol_error},
             {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Errc::protocol_error},
             {"HTTP/1.1 999 No\r\n\r\n", Errc::protocol_error},
             {"HTTP/1.1 200 OK\n\n", Errc::protocol_error},
             {std::string{"HTTP/1.1 200 \0\r\n\r\n", 18}, Errc::protocol_error},
             {interim, Errc::too_many_interim},
             {"HTTP/1.1 100 Continue\r\n\r\n", Errc::connection_closed, Then::close},
             {"HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'), Errc::headers_too_large},
             {"HTTP/1.1 200 OK\r\n" + fields + "\r\n", Errc::headers_too_large},
             {"", Errc::connection_closed, Then::close},
             {"HTTP/1.1 200 OK\r\nX:", Errc::connection_closed, Then::close},
             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
              Errc::protocol_error}}) {
        const auto outcome = exchange_with(row.reply, row.then);
        ASSERT_FALSE(outcome) << row.reply.substr(0, 60);
        EXPECT_EQ(to_text(outcome.error().error.code), to_text(row.code))
            << row.reply.substr(0, 60) << " " << outcome.error().error.detail;
        EXPECT_EQ(outcome.error().sent, Failure::Sent::maybe);
        EXPECT_EQ(outcome.error().facts.remote, peer.at());
        EXPECT_EQ(client.idle(), 0U);
    }
}

TEST_F(ClientFixture, a_final_answer_may_come_long_after_an_interim_one) {
    FakePeer::Reply slow{"HTTP/1.1 102 Processing\r\n\r\n", Then::keep, {}};
    slow.pause = 12s;
    slow.after_pause = ok("done");
    peer.replies = {slow};
    const auto outcome = exchange();
    ASSERT_TRUE(outcome) << outcome.error().error.detail;
    EXPECT_EQ(outcome->body, "done");
    EXPECT_EQ(outcome->body_end, BodyEnd::complete);
}

TEST_F(ClientFixture, takes_a_few_interim_answers_and_never_follows_a_redirect) {
    std::string interim;
    for (int i = 0; i < 8; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    EXPECT_TRUE(exchange_with(interim + ok("x")));
    const auto moved = exchange_with(
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->status, 302);
    EXPECT_EQ(peer.requests.size(), 2U);
    // Codings are not undone.
    const auto coded = exchange_with(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08");
    ASSERT_TRUE(coded);
    EXPECT_EQ(coded->body, "\x1f\x8b\x08");
}

/// Collects; fails at a size.
struct Collector final : BodySink {
    std::string all;
    std::size_t fails_at = SIZE_MAX;
    Task<Result<>> write(std::string_view piece) override {
        all += piece;
        if (all.size() >= fails_at) co_return fail(Errc::storage_full, "no room");
        co_return Result<>{};
    }
};

TEST_F(ClientFixture, streams_a_large_body_to_a_sink_up_to_a_cap) {
    Collector collector;
    sink = &collector;
    limits.body_bytes_max = 1'000'000;
    const std::string large(300'000, 'd');
    peer.replies = {{ok(large)}};
    const auto fetched = exchange(make_exchange("", Method::get));
    ASSERT_TRUE(fetched);
    EXPECT_EQ(collector.all, large);
    EXPECT_EQ(fetched->body, "");
    EXPECT_EQ(fetched->body_bytes, 300'000U);
    EXPECT_EQ(fetched->body_end, BodyEnd::complete);
    EXPECT_FALSE(peer.requests[0].contains("content-length"));
    EXPECT_EQ(client.idle(), 1U);
    collector.all.clear();
    limits.body_bytes_max = 100'000;
    const auto cut = exchange(make_exchange("", Method::get));
    ASSERT_TRUE(cut);
    EXPECT_EQ(cut->body_end, BodyEnd::cut);
    EXPECT_EQ(collector.all.size(), 100'000U);
    // What is no success does not go to the sink.
    collector.all.clear();
    const auto missing = exchange_with("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnope");
    EXPECT_EQ(missing->body, "nope");
    EXPECT_EQ(collector.all, "");
    collector.fails_at = 1;
    const auto full = exchange_with(ok("x"));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().error.code, Errc::storage_full);
    EXPECT_EQ(full.error().stage, Stage::body);
}

TEST_F(ClientFixture, keeps_what_is_known_when_it_fails) {
    on.resolver.set_failure("a.example", {Errc::resolve_failed, "there is no such host"});
    const auto unknown = exchange();
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().stage, Stage::resolve);
    EXPECT_FALSE(unknown.error().facts.remote);
    on.resolver.set("a.example", {peer.at().address()});
    on.hub.set_faults(peer.at(), {.connect = LinkFaults::Connect::refuse, .latency = 100ms});
    const auto refused = exchange();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().stage, Stage::connect);
    EXPECT_EQ(refused.error().facts.remote, peer.at());
    EXPECT_GE(refused.error().facts.timings.connect, 200ms);
}

TEST_F(ClientFixture, cut_ends_what_is_under_way_and_what_comes_later) {
    peer.replies = {{""}};
    std::optional<Client::Outcome> outcome;
    on.group.spawn(exchange_into(make_exchange(), outcome));
    on.let_pass(1s);
    EXPECT_FALSE(outcome);
    client.cut();
    on.turn();
    ASSERT_TRUE(outcome);
    ASSERT_FALSE(*outcome);
    EXPECT_EQ(outcome->error().error.code, Errc::cancelled);
    EXPECT_EQ(exchange().error().error.code, Errc::cancelled);
}

TEST(Origin, refuses_what_is_no_host_and_writes_heads_safely) {
    for (const char* host : {"", "a b", "a/b", "a:1", ".a", "a..b", "a.", "a\r\nX: y", "\xc3\xa9",
                             "fe80::1%eth0", "[::1]", "1.2.3.4.5:"})
        EXPECT_FALSE(Origin::make({.host = host})) << host;
    const auto origin = Origin::make({.host = "A.Example"}).value();
    EXPECT_EQ(origin->make_head(Method::post, "/x?y").value(),
              "POST /x?y HTTP/1.1\r\nhost: a.example\r\n");
    const auto v6 = Origin::make({.scheme = Scheme::http, .host = "::1", .port = 8080}).value();
    EXPECT_EQ(v6->make_head(Method::get, "/").value(), "GET / HTTP/1.1\r\nhost: [::1]:8080\r\n");
    for (const char* target : {"", "x", "/a b", "/a\r\nX: y", "/a#b", "/\xc3\xa9"})
        EXPECT_FALSE(origin->make_head(Method::get, target)) << target;
    std::string fields;
    append_field(fields, "x-a", "evil\r\nhost: b");
    EXPECT_EQ(fields, "x-a: evil  host: b\r\n");
}

}  // namespace
}  // namespace blotter::http
