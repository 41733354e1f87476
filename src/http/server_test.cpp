#include "http/server.hpp"

#include <array>

#include <gtest/gtest.h>

#include "http/test_rig.hpp"

namespace blotter::http {
namespace {

using namespace std::chrono_literals;
using runtime::Task;
using testing_rig::RealLoop;

/// A body of known size, or not, in pieces.
class Pieces final : public BodySource {
  public:
    Pieces(std::vector<std::string> pieces, std::optional<std::uint64_t> size)
        : pieces_(std::move(pieces)), size_(size) {}
    std::optional<std::uint64_t> size() const override { return size_; }
    Task<Result<>> write_to(BodyWriter& writer) override {
        for (const std::string& piece : pieces_) CO_CHECK(co_await writer.write(piece));
        co_return Result<>{};
    }

  private:
    std::vector<std::string> pieces_;
    std::optional<std::uint64_t> size_;
};

/// Answers by path; counts what it was asked.
class TestHandler final : public Handler {
  public:
    explicit TestHandler(runtime::Loop& loop) : loop_(loop) {}

    BodyRule body_rule(const Request& request) override {
        ++rules;
        const auto how =
            request.path().starts_with("/stream") ? BodyRule::How::stream : BodyRule::How::buffer;
        return {how, how == BodyRule::How::stream ? 1'000'000U : 1'000U};
    }
    Task<Response> handle(Request& request, RequestContext& context) override {
        ++requests;
        if (request.path() == "/throw") throw std::runtime_error("inner detail");
        if (request.path() == "/slow") co_await loop_.sleep_for(200ms);
        if (request.path() == "/empty") co_return Response{.status = 204};
        if (request.path() == "/chunks") {
            Response response;
            response.source =
                std::make_unique<Pieces>(std::vector<std::string>{"ab", "", "cde"}, std::nullopt);
            co_return response;
        }
        if (request.path() == "/sized" || request.path() == "/lying") {
            Response response;
            response.source = std::make_unique<Pieces>(std::vector<std::string>{"ab", "cde"},
                                                       request.path() == "/sized" ? 5U : 6U);
            co_return response;
        }
        if (request.path() == "/stream") co_return co_await count(context);
        co_return make_response(
            200, "text/plain",
            std::string{to_text(request.method)} + " " + request.target + " " + request.body);
    }

    int rules = 0;
    int requests = 0;

  private:
    Task<Response> count(RequestContext& context) {
        std::array<char, 1000> piece;
        std::size_t total = 0;
        for (;;) {
            const auto got = co_await context.body->read_some(piece);
            if (!got)
                co_return make_response(400, "text/plain", std::string{to_text(got.error().code)});
            if (*got == 0) break;
            total += *got;
        }
        co_return make_response(200, "text/plain", std::to_string(total));
    }

    runtime::Loop& loop_;
};

struct ServerFixture : testing::Test {
    RealLoop real;
    TestHandler handler{real.loop};
    ServerOptions options;
    std::unique_ptr<Server> server;
    int exceptions = 0;
    std::vector<int> statuses;

    void start() {
        runtime::ListenOptions listen;
        listen.at = {boost::asio::ip::address_v4::loopback(), 0};
        auto acceptor = real.network.listen(listen);
        ASSERT_TRUE(acceptor) << acceptor.error().detail;
        server = std::make_unique<Server>(real.loop, *std::move(acceptor), handler, options);
        server->on_exception = [this](std::exception_ptr) { ++exceptions; };
        server->on_exchanged = [this](const Exchanged& done) { statuses.push_back(done.status); };
        server->start();
    }
    Task<std::unique_ptr<runtime::Stream>> connect() {
        auto stream = co_await real.network.connect(server->acceptor().local(), real.in(5s));
        EXPECT_TRUE(stream);
        co_return *std::move(stream);
    }
    Task<> send(runtime::Stream& stream, std::string bytes) {
        const std::array<std::string_view, 1> parts{bytes};
        const auto sent = co_await stream.write(parts, real.in(5s));
        EXPECT_TRUE(sent);
    }
    /// Reads until the text has `ends` complete messages that end like `mark`, or the end.
    Task<std::string> read_until(runtime::Stream& stream, std::string mark) {
        std::string all;
        std::array<char, 4096> piece;
        while (mark.empty() || !all.ends_with(mark)) {
            const auto got = co_await stream.read_some(piece, real.in(5s));
            if (!got || *got == 0) break;
            all.append(piece.data(), *got);
        }
        co_return all;
    }
    /// Sends all at once on a new connection, reads to the end.
    Task<std::string> ask(std::string bytes) {
        auto stream = co_await connect();
        co_await send(*stream, std::move(bytes));
        std::string all = co_await read_until(*stream, "");
        stream->close();
        co_return all;
    }
    Task<> stop() {
        server->close();
        co_await server->join(real.in(5s));
        EXPECT_EQ(server->connections(), 0U);
    }
    Task<> ask_and_stop(std::string bytes, std::string& answer) {
        answer = co_await ask(std::move(bytes));
        co_await stop();
    }
    std::string exchange(std::string bytes) {
        start();
        std::string answer;
        real.run(ask_and_stop(std::move(bytes), answer));
        return answer;
    }
};

std::string request(std::string_view line, std::string_view fields = {},
                    std::string_view body = {}) {
    return std::string{line} + " HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n" +
           std::string{body};
}
constexpr std::string_view last = "Connection: close\r\n";

TEST_F(ServerFixture, answers_with_body_length_and_date) {
    const std::string answer = exchange(request("GET /a?b", last));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\ndate: ")) << answer;
    EXPECT_TRUE(answer.contains("\r\ncontent-type: text/plain\r\n")) << answer;
    EXPECT_TRUE(answer.contains("\r\ncontent-length: 9\r\nconnection: close\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nGET /a?b ")) << answer;
}

TEST_F(ServerFixture, answers_pipelined_requests_in_order) {
    const std::string answer = exchange(
        request("POST /1", "Content-Length: 3\r\n", "abc") +
        request("POST /2", "Transfer-Encoding: chunked\r\n", "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n") +
        request("GET /3") + request("GET /4", last) + request("GET /5"));
    const auto one = answer.find("POST /1 abc");
    const auto two = answer.find("POST /2 def");
    const auto three = answer.find("GET /3 ");
    const auto four = answer.find("GET /4 ");
    ASSERT_NE(one, std::string::npos) << answer;
    EXPECT_LT(one, two);
    EXPECT_LT(two, three);
    EXPECT_LT(three, four);
    EXPECT_FALSE(answer.contains("GET /5")) << answer;
}

TEST_F(ServerFixture, refuses_a_large_body_without_reading_it) {
    const std::string answer = exchange(request("POST /a", "Content-Length: 1001\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_TRUE(answer.contains("connection: close")) << answer;
    EXPECT_EQ(handler.requests, 0);
    EXPECT_EQ(handler.rules, 1);
}

TEST_F(ServerFixture, refuses_a_chunked_body_once_it_is_too_large) {
    std::string body;
    for (int i = 0; i < 300; ++i) body += "4\r\nabcd\r\n";
    const std::string answer = exchange(request("POST /a", "Transfer-Encoding: chunked\r\n", body));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(ServerFixture, closes_after_a_head_that_the_guard_refuses) {
    const std::string answer = exchange(
        request("POST /a", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") +
        request("GET /smuggled"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.contains("application/problem+json")) << answer;
    EXPECT_FALSE(answer.contains("smuggled")) << answer;
    EXPECT_EQ(statuses, std::vector{400});
}

TEST_F(ServerFixture, refuses_what_is_no_request_also_behind_one) {
    const std::string answer = exchange(request("GET /a") + "abc");
    EXPECT_TRUE(answer.contains("this is not an HTTP request")) << answer;
    EXPECT_EQ(statuses, (std::vector{200, 400}));
}

TEST_F(ServerFixture, names_what_it_cannot_do) {
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        struct Row {
            std::string bytes;
            int status;
        };
        const std::vector<Row> rows{
            {request("GET /" + std::string(9000, 'a')), 414},
            {"GET /" + std::string(9000, 'a'), 414},
            {request("GET /a", "X: " + std::string(40'000, 'a') + "\r\n"), 431},
            {request("BREW /a"), 501},
            {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
            {request("POST /a", "Expect: more\r\nContent-Length: 1\r\n"), 417},
            {request("POST /a", "Content-Encoding: gzip\r\nContent-Length: 1\r\n"), 415},
            {"\x16\x03\x01\x02", 400},
            {"GET / HTTP/1.1\n", 400},
            {request("POST /a", "Transfer-Encoding: chunked\r\n", "zz\r\n"), 400},
        };
        for (const Row& row : rows) {
            const std::string answer = co_await f.ask(row.bytes);
            EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(row.status)))
                << row.bytes.substr(0, 60) << " → " << answer;
        }
        co_await f.stop();
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, invites_a_body_only_when_it_is_wanted) {
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        auto stream = co_await f.connect();
        co_await f.send(*stream,
                        request("POST /a", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
        const std::string invitation = co_await f.read_until(*stream, "\r\n\r\n");
        EXPECT_EQ(invitation, "HTTP/1.1 100 Continue\r\n\r\n");
        co_await f.send(*stream, "hi");
        const std::string answer = co_await f.read_until(*stream, "POST /a hi");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
        co_await f.send(*stream,
                        request("POST /a", "Expect: 100-continue\r\nContent-Length: 2000\r\n"));
        const std::string refused = co_await f.read_until(*stream, "");
        EXPECT_TRUE(refused.starts_with("HTTP/1.1 413 ")) << refused;
        co_await f.stop();
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, streams_a_large_upload_to_its_handler) {
    std::string body(700'000, 'x');
    const std::string answer =
        exchange(request("POST /stream", "Connection: close\r\nContent-Length: 700000\r\n", body));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n700000")) << answer;
}

TEST_F(ServerFixture, tells_a_streaming_handler_that_the_body_is_too_large) {
    std::string body;
    for (int i = 0; i < 110; ++i) body += "2710\r\n" + std::string(10'000, 'x') + "\r\n";
    const std::string answer =
        exchange(request("POST /stream", "Transfer-Encoding: chunked\r\n", body));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.ends_with("too_large")) << answer;
}

TEST_F(ServerFixture, takes_nothing_behind_a_malformed_body_for_a_request) {
    const std::string answer =
        exchange(request("POST /stream", "Transfer-Encoding: chunked\r\n", "0\r\n\rX") +
                 request("GET /next", last));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.contains("connection: close\r\n")) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << answer;
}

TEST_F(ServerFixture, goes_on_after_a_small_body_that_the_handler_left) {
    const std::string answer =
        exchange(request("POST /stream-not-read", "Content-Length: 3\r\n", "abc") +
                 request("GET /next", last));
    EXPECT_TRUE(answer.contains("POST /stream-not-read ")) << answer;
    EXPECT_TRUE(answer.contains("GET /next ")) << answer;
}

TEST_F(ServerFixture, sends_bodies_made_on_the_way) {
    const std::string answer = exchange(request("GET /chunks") + request("GET /sized") +
                                        request("HEAD /sized") + request("GET /empty", last));
    EXPECT_TRUE(answer.contains(
        "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\nHTTP/1.1 200"))
        << answer;
    EXPECT_TRUE(answer.contains("content-length: 5\r\n\r\nabcdeHTTP/1.1 200")) << answer;
    EXPECT_TRUE(answer.contains("content-length: 5\r\n\r\nHTTP/1.1 204 No Content")) << answer;
    EXPECT_FALSE(answer.substr(answer.rfind("HTTP/1.1")).contains("content-length")) << answer;
}

TEST_F(ServerFixture, cuts_an_answer_that_is_not_as_long_as_announced) {
    const std::string answer = exchange(request("GET /lying") + request("GET /next"));
    EXPECT_TRUE(answer.ends_with("content-length: 6\r\n\r\nabcde")) << answer;
}

TEST_F(ServerFixture, an_exception_ends_one_connection_with_500) {
    const std::string answer = exchange(request("GET /throw") + request("GET /next"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
    EXPECT_TRUE(answer.contains(R"("code":"internal")")) << answer;
    EXPECT_FALSE(answer.contains("inner detail")) << answer;
    EXPECT_FALSE(answer.contains("GET /next")) << answer;
    EXPECT_EQ(exceptions, 1);
}

TEST_F(ServerFixture, speaks_http_1_0) {
    const std::string closing = exchange("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(closing.contains("connection: close")) << closing;
    EXPECT_FALSE(closing.contains("GET /b")) << closing;
}

TEST_F(ServerFixture, a_slow_client_is_told_and_a_silent_one_is_cut) {
    options.head_time = 300ms;
    options.body_grace = 300ms;
    options.body_rate_min = 100'000;
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        auto silent = co_await f.connect();
        co_await f.send(*silent, "GET ");
        auto slow = co_await f.connect();
        co_await f.send(*slow, request("POST /a", "Content-Length: 900\r\n"));
        for (int i = 0; i < 8; ++i) {
            co_await f.real.loop.sleep_for(50ms);
            co_await f.send(*slow, "x");
        }
        const std::string told = co_await f.read_until(*slow, "");
        EXPECT_TRUE(told.starts_with("HTTP/1.1 408 ")) << told;
        const std::string cut = co_await f.read_until(*silent, "");
        EXPECT_EQ(cut, "");
        co_await f.stop();
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, says_503_when_there_are_too_many_connections) {
    options.connections_max = 1;
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        auto first = co_await f.connect();
        co_await f.send(*first, request("GET /a"));
        const std::string served = co_await f.read_until(*first, "GET /a ");
        EXPECT_TRUE(served.starts_with("HTTP/1.1 200 ")) << served;
        const std::string refused = co_await f.ask(request("GET /b"));
        EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
        EXPECT_TRUE(refused.contains("retry-after: 1\r\n")) << refused;
        first->close();
        co_await f.stop();
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, bounds_the_connections_of_one_address) {
    options.connections_per_address_max = 2;
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        auto first = co_await f.connect();
        auto second = co_await f.connect();
        const std::string refused = co_await f.ask(request("GET /b"));
        EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
        first->close();
        second->close();
        co_await f.stop();
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, stops_gracefully) {
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        auto idle = co_await f.connect();
        co_await f.send(*idle, request("GET /a"));
        const std::string served = co_await f.read_until(*idle, "GET /a ");
        auto running = co_await f.connect();
        co_await f.send(*running, request("GET /slow") + request("GET /after"));
        co_await f.real.loop.sleep_for(50ms);
        EXPECT_EQ(f.handler.requests, 2);
        f.server->close();
        co_await f.server->join(f.real.in(5s));
        const std::string rest = co_await f.read_until(*idle, "");
        EXPECT_EQ(rest, "");
        const std::string finished = co_await f.read_until(*running, "");
        EXPECT_TRUE(finished.contains("GET /slow ")) << finished;
        EXPECT_TRUE(finished.contains("connection: close")) << finished;
        EXPECT_FALSE(finished.contains("GET /after")) << finished;
        auto refused = co_await f.real.network.connect(f.server->acceptor().local(), f.real.in(1s));
        EXPECT_FALSE(refused);
    };
    real.run(story(*this));
}

TEST_F(ServerFixture, a_client_that_vanishes_costs_nothing) {
    start();
    const auto story = [](ServerFixture& f) -> Task<> {
        for (const std::string& bytes :
             {std::string{}, std::string{"GET"}, request("POST /a", "Content-Length: 9\r\n", "x"),
              request("GET /slow")}) {
            auto stream = co_await f.connect();
            if (!bytes.empty()) co_await f.send(*stream, bytes);
            stream->close();
        }
        co_await f.real.loop.sleep_for(10ms);
        co_await f.stop();
        EXPECT_EQ(f.exceptions, 0);
    };
    real.run(story(*this));
}

}  // namespace
}  // namespace blotter::http
