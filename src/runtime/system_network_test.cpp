#include "runtime/system_network.hpp"

#include <array>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "runtime/task_group.hpp"
#include "runtime/test_certificates.hpp"
#include "runtime/tls_stream.hpp"

namespace blotter::runtime {
namespace {

using namespace std::chrono_literals;
using namespace testing_certificates;

struct NetworkFixture : testing::Test {
    SystemClock clock;
    Loop loop{clock};
    SystemNetwork network{loop};
    TaskGroup group{loop};
    TemporaryDirectory files;
    std::unique_ptr<Acceptor> acceptor;
    std::string_view ended_with;
    int served = 0;
    std::optional<TlsInfo> server_saw;

    void run(Task<> story) {
        group.on_failure = [this](std::exception_ptr) {
            ADD_FAILURE() << "a task threw";
            loop.stop();
        };
        group.spawn(finish(std::move(story)));
        loop.run();
    }
    Task<> finish(Task<> story) {
        co_await std::move(story);
        if (acceptor) acceptor->close();
        loop.stop();
    }
    MonoTime in(Duration time) const { return loop.now() + time; }

    void listen(std::optional<TlsServerOptions> tls = {}) {
        ListenOptions options;
        options.at = {boost::asio::ip::address_v4::loopback(), 0};
        options.tls = std::move(tls);
        auto made = network.listen(options);
        ASSERT_TRUE(made) << made.error().detail;
        acceptor = *std::move(made);
        group.spawn(echo_loop());
    }
    Task<> echo_loop() {
        for (;;) {
            auto stream = co_await acceptor->accept();
            if (!stream) co_return;
            group.spawn(echo(*std::move(stream)));
        }
    }
    Task<> echo(std::unique_ptr<Stream> stream) {
        std::vector<char> piece(64 * 1024);
        for (;;) {
            const auto got = co_await stream->read_some(piece, in(5s));
            if (stream->tls()) server_saw = *stream->tls();
            ended_with = got ? "end" : to_text(got.error().code);
            if (!got || *got == 0) break;
            const std::array<std::string_view, 1> parts{std::string_view{piece.data(), *got}};
            const auto sent = co_await stream->write(parts, in(5s));
            if (!sent) break;
        }
        ++served;
        co_await stream->shutdown(in(1s));
    }
    Task<std::unique_ptr<Stream>> connect() {
        auto stream = co_await network.connect(acceptor->local(), in(5s));
        EXPECT_TRUE(stream) << stream.error().detail;
        co_return *std::move(stream);
    }
    Task<Result<>> send(Stream& stream, std::string_view one, std::string_view two = {}) {
        const std::array<std::string_view, 3> parts{one, "", two};
        co_return co_await stream.write(parts, in(5s));
    }
    Task<std::string> read(Stream& stream, std::size_t size) {
        std::string all;
        std::vector<char> piece(64 * 1024);
        while (all.size() < size) {
            const auto got = co_await stream.read_some(piece, in(5s));
            if (!got) all += std::string{to_text(got.error().code)};
            if (!got || *got == 0) break;
            all.append(piece.data(), *got);
        }
        co_return all;
    }
    /// Sends and reads at once, more than any buffer holds.
    Task<> send_large(Stream& stream, const std::string& large) {
        const auto sent = co_await send(stream, "head", large);
        EXPECT_TRUE(sent);
    }
};

TEST_F(NetworkFixture, carries_small_and_large_writes_in_order) {
    listen();
    const auto story = [](NetworkFixture& f) -> Task<> {
        auto stream = co_await f.connect();
        EXPECT_EQ(stream->remote(), f.acceptor->local());
        std::string large(8 << 20, 'x');
        for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
        f.group.spawn(f.send_large(*stream, large));
        const std::string back = co_await f.read(*stream, large.size() + 4);
        EXPECT_TRUE(back == "head" + large);
        co_await stream->shutdown(f.in(1s));
        const std::string end = co_await f.read(*stream, 1);
        EXPECT_EQ(end, "");
    };
    run(story(*this));
}

TEST_F(NetworkFixture, looks_without_taking) {
    listen();
    const auto story = [](NetworkFixture& f) -> Task<> {
        auto stream = co_await f.connect();
        EXPECT_TRUE(stream->is_quiet());
        (void)co_await f.send(*stream, "ping");
        while (stream->is_quiet()) co_await f.loop.sleep_for(1ms);
        EXPECT_EQ(co_await f.read(*stream, 4), "ping");
        EXPECT_TRUE(stream->is_quiet());
        co_await stream->shutdown(f.in(1s));
        while (stream->is_quiet()) co_await f.loop.sleep_for(1ms);
        stream->close();
        EXPECT_FALSE(stream->is_quiet());
    };
    run(story(*this));
}

TEST_F(NetworkFixture, ends_operations_at_their_deadline_and_on_close) {
    listen();
    const auto story = [](NetworkFixture& f) -> Task<> {
        auto silent = co_await f.connect();
        std::array<char, 8> piece;
        const auto late = co_await silent->read_some(piece, f.in(50ms));
        EXPECT_EQ(late.error().code, Errc::timeout);
        EXPECT_FALSE(silent->is_open());
        auto closed = co_await f.connect();
        const auto close = [](NetworkFixture& f, Stream& stream) -> Task<> {
            co_await f.loop.sleep_for(10ms);
            stream.close();
        };
        f.group.spawn(close(f, *closed));
        const auto cut = co_await closed->read_some(piece, f.in(5s));
        EXPECT_EQ(cut.error().code, Errc::connection_closed);
        const auto after = co_await closed->read_some(piece, f.in(5s));
        EXPECT_EQ(after.error().code, Errc::connection_closed);
    };
    run(story(*this));
}

TEST_F(NetworkFixture, a_write_that_nobody_reads_ends_at_its_deadline) {
    const auto story = [](NetworkFixture& f) -> Task<> {
        ListenOptions options;
        options.at = {boost::asio::ip::address_v4::loopback(), 0};
        auto deaf = f.network.listen(options).value();
        auto stream = (co_await f.network.connect(deaf->local(), f.in(5s))).value();
        const std::string large(32 << 20, 'x');
        const std::array<std::string_view, 1> parts{large};
        const auto sent = co_await stream->write(parts, f.in(200ms));
        EXPECT_EQ(sent.error().code, Errc::timeout);
        const auto address = deaf->local();
        deaf->close();
        const auto refused = co_await f.network.connect(address, f.in(5s));
        EXPECT_EQ(refused.error().code, Errc::connect_failed);
        EXPECT_TRUE(refused.error().detail.contains("127.0.0.1:")) << refused.error().detail;
    };
    run(story(*this));
}

TEST_F(NetworkFixture, one_who_sends_without_end_leaves_others_their_turn) {
    const auto story = [](NetworkFixture& f) -> Task<> {
        ListenOptions options;
        options.at = {boost::asio::ip::address_v4::loopback(), 0};
        const auto listener = f.network.listen(options).value();
        auto from = (co_await f.network.connect(listener->local(), f.in(5s))).value();
        auto to = (co_await listener->accept()).value();
        const std::string large(64 * 1024, 'x');
        EXPECT_TRUE(co_await f.send(*from, large));
        // A wait for it to be heard of.
        char first = 0;
        EXPECT_TRUE(co_await to->read_some({&first, 1}, f.in(5s)));
        struct Count {
            int turns = 0;
            bool over = false;
        };
        const auto count_turns = [](NetworkFixture& f, Count& count) -> Task<> {
            for (; !count.over; ++count.turns) co_await f.loop.end_of_turn();
        };
        Count count;
        f.group.spawn(count_turns(f, count));
        std::array<char, 64> piece;
        for (int i = 0; i < 320; ++i) EXPECT_TRUE(co_await to->read_some(piece, f.in(5s)));
        count.over = true;
        EXPECT_GE(count.turns, 10);
    };
    run(story(*this));
}

TEST_F(NetworkFixture, listeners_share_an_address_only_when_all_agree) {
    ListenOptions options;
    options.at = {boost::asio::ip::address_v4::loopback(), 0};
    options.share = ListenOptions::Share::yes;
    const auto first = network.listen(options).value();
    options.at = first->local();
    const auto second = network.listen(options);
    EXPECT_TRUE(second);
    options.share = ListenOptions::Share::no;
    const auto third = network.listen(options);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, Errc::unavailable);
}

struct TlsFixture : NetworkFixture {
    Timestamp now = clock.wall();
    Pair authority = make({.common_name = "Test Root", .authority = Wanted::Authority::yes});

    Pair make(Wanted wanted, const Pair* issuer = nullptr) const {
        if (wanted.not_after == Timestamp{}) wanted.not_after = now + 24h;
        if (wanted.not_before == Timestamp{}) wanted.not_before = now - 24h;
        return make_certificate(wanted, issuer);
    }
    TlsServerOptions files_of(const Pair& pair) const {
        return {files.write("chain.pem", pair.certificate_pem),
                files.write("key.pem", pair.key_pem)};
    }
    TlsClientOptions client_options() const {
        TlsClientOptions options;
        options.server_name = "a.example";
        options.ca_pem = authority.certificate_pem;
        options.session_key = "one";
        return options;
    }
    Task<Result<std::unique_ptr<Stream>>> connect_tls(TlsClientOptions options) {
        auto plain = co_await connect();
        co_return co_await network.start_tls(std::move(plain), std::move(options), in(5s));
    }
    Task<> connect_into(TlsClientOptions options, std::string& detail, Errc& code) {
        const auto stream = co_await connect_tls(std::move(options));
        detail = stream ? "connected" : stream.error().detail;
        code = stream ? Errc::internal : stream.error().code;
    }
    /// How a handshake with a server of this certificate fails.
    std::string refusal(const Pair& pair, TlsClientOptions options) {
        listen(files_of(pair));
        std::string detail;
        Errc code = Errc::internal;
        run(connect_into(std::move(options), detail, code));
        const bool of_certificate = to_text(code).starts_with("certificate_");
        EXPECT_TRUE(of_certificate || code == Errc::tls_failed) << detail;
        return detail;
    }
};

TEST_F(TlsFixture, trusts_the_authorities_of_the_network_besides_those_of_a_connection) {
    const Pair other = make({.common_name = "Other Root", .authority = Wanted::Authority::yes});
    EXPECT_FALSE(check_authorities(""));
    EXPECT_FALSE(check_authorities("-----BEGIN NONSENSE-----"));
    EXPECT_TRUE(check_authorities(other.certificate_pem + authority.certificate_pem));
    listen(files_of(make({.names = {"DNS:a.example"}}, &authority)));
    const auto story = [](TlsFixture& f, const Pair& stranger) -> Task<> {
        SystemNetwork trusting{f.loop, f.authority.certificate_pem};
        TlsClientOptions options = f.client_options();
        // One without a word of this root, one with another root of its own.
        for (const std::string& own : {std::string{}, stranger.certificate_pem}) {
            options.ca_pem = own;
            auto plain = (co_await trusting.connect(f.acceptor->local(), f.in(5s))).value();
            auto trusted = co_await trusting.start_tls(std::move(plain), options, f.in(5s));
            EXPECT_TRUE(trusted) << trusted.error().detail;
            auto untrusted = co_await f.connect_tls(options);
            EXPECT_FALSE(untrusted);
        }
    };
    run(story(*this, other));
}

TEST_F(TlsFixture, talks_and_resumes) {
    listen(files_of(make({.names = {"DNS:a.example"}}, &authority)));
    const auto story = [](TlsFixture& f) -> Task<> {
        for (int round = 0; round < 3; ++round) {
            auto stream = (co_await f.connect_tls(f.client_options())).value();
            const TlsInfo* info = stream->tls();
            EXPECT_EQ(info->version, "TLSv1.3");
            EXPECT_EQ(info->peer_certificate_sha256.size(), 64U);
            EXPECT_EQ(info->resumed, round > 0);
            std::string large(3 << 20, 'x');
            for (std::size_t i = 0; i < large.size(); ++i)
                large[i] = static_cast<char>('a' + i % 23);
            f.group.spawn(f.send_large(*stream, large));
            const std::string back = co_await f.read(*stream, large.size() + 4);
            EXPECT_TRUE(back == "head" + large);
            EXPECT_TRUE(stream->is_quiet());
            co_await stream->shutdown(f.in(1s));
            const std::string end = co_await f.read(*stream, 1);
            EXPECT_EQ(end, "");
        }
        TlsClientOptions other = f.client_options();
        other.session_key = "two";
        auto fresh = (co_await f.connect_tls(other)).value();
        EXPECT_FALSE(fresh->tls()->resumed);
    };
    run(story(*this));
}

TEST_F(TlsFixture, an_address_can_be_the_name) {
    listen(files_of(make({.names = {"IP:127.0.0.1"}}, &authority)));
    const auto story = [](TlsFixture& f) -> Task<> {
        TlsClientOptions options = f.client_options();
        options.server_name = "127.0.0.1";
        const auto stream = co_await f.connect_tls(options);
        EXPECT_TRUE(stream) << stream.error().detail;
        options.server_name = "127.0.0.2";
        const auto wrong = co_await f.connect_tls(options);
        EXPECT_TRUE(wrong.error().detail.contains("127.0.0.1, not for 127.0.0.2"))
            << wrong.error().detail;
    };
    run(story(*this));
}

TEST_F(TlsFixture, says_when_a_certificate_expired) {
    const std::string detail =
        refusal(make({.names = {"DNS:a.example"}, .not_before = now - 48h, .not_after = now - 24h},
                     &authority),
                client_options());
    EXPECT_EQ(detail, "the certificate expired on " + to_rfc3339(now - 24h).substr(0, 10));
}

TEST_F(TlsFixture, says_when_a_certificate_is_not_valid_yet) {
    const std::string detail =
        refusal(make({.names = {"DNS:a.example"}, .not_before = now + 48h, .not_after = now + 72h},
                     &authority),
                client_options());
    EXPECT_EQ(detail, "the certificate is valid only from " + to_rfc3339(now + 48h).substr(0, 10));
}

TEST_F(TlsFixture, says_whose_certificate_it_is) {
    const std::string detail =
        refusal(make({.common_name = "a.example", .names = {"DNS:b.example", "DNS:*.c.example"}},
                     &authority),
                client_options());
    EXPECT_EQ(detail, "the certificate is for b.example, *.c.example, not for a.example");
}

TEST_F(TlsFixture, takes_no_wildcard_for_a_whole_top_level_domain) {
    refusal(make({.names = {"DNS:*.example"}}, &authority), client_options());
}

TEST_F(TlsFixture, refuses_a_self_signed_certificate_unless_told_to_trust_it) {
    const Pair pair = make({.names = {"DNS:a.example"}});
    TlsClientOptions options = client_options();
    options.ca_pem = pair.certificate_pem;
    listen(files_of(pair));
    const auto story = [](TlsFixture& f, TlsClientOptions trusted) -> Task<> {
        const auto refused = co_await f.connect_tls(f.client_options());
        EXPECT_TRUE(refused.error().detail.contains("self-signed")) << refused.error().detail;
        const auto accepted = co_await f.connect_tls(trusted);
        EXPECT_TRUE(accepted) << accepted.error().detail;
        trusted.ca_pem = "-----BEGIN NONSENSE-----";
        const auto nonsense = co_await f.connect_tls(trusted);
        EXPECT_TRUE(nonsense.error().detail.contains("PEM")) << nonsense.error().detail;
    };
    run(story(*this, options));
}

TEST_F(TlsFixture, names_an_issuer_that_is_not_trusted) {
    const Pair other = make({.common_name = "Other Root", .authority = Wanted::Authority::yes});
    const std::string detail =
        refusal(make({.names = {"DNS:a.example"}}, &other), client_options());
    EXPECT_TRUE(detail.contains("'Other Root'")) << detail;
}

TEST_F(TlsFixture, tells_plain_servers_and_silent_servers_apart) {
    listen();
    const auto story = [](TlsFixture& f) -> Task<> {
        const auto plain = co_await f.connect_tls(f.client_options());
        EXPECT_EQ(plain.error().code, Errc::tls_failed);
        ListenOptions options;
        options.at = {boost::asio::ip::address_v4::loopback(), 0};
        auto deaf = f.network.listen(options).value();
        auto stream = (co_await f.network.connect(deaf->local(), f.in(5s))).value();
        const auto slow =
            co_await f.network.start_tls(std::move(stream), f.client_options(), f.in(200ms));
        EXPECT_EQ(slow.error().code, Errc::timeout);
        EXPECT_EQ(slow.error().detail, "the TLS handshake took too long");
    };
    run(story(*this));
}

TEST_F(TlsFixture, a_connection_cut_without_close_notify_is_not_a_proper_end) {
    listen(files_of(make({.names = {"DNS:a.example"}}, &authority)));
    const auto story = [](TlsFixture& f) -> Task<> {
        auto stream = (co_await f.connect_tls(f.client_options())).value();
        (void)co_await f.send(*stream, "x");
        EXPECT_EQ(co_await f.read(*stream, 1), "x");
        stream->close();
        while (f.served == 0) co_await f.loop.sleep_for(1ms);
        EXPECT_EQ(f.ended_with, "connection_closed");
        auto polite = (co_await f.connect_tls(f.client_options())).value();
        co_await polite->shutdown(f.in(1s));
        while (f.served == 1) co_await f.loop.sleep_for(1ms);
        EXPECT_EQ(f.ended_with, "end");
    };
    run(story(*this));
}

TEST_F(TlsFixture, new_certificates_hold_from_the_next_connection) {
    listen(files_of(make({.names = {"DNS:a.example"}}, &authority)));
    const auto story = [](TlsFixture& f) -> Task<> {
        auto before = (co_await f.connect_tls(f.client_options())).value();
        f.files.write("chain.pem", "broken");
        EXPECT_FALSE(f.acceptor->reload_certificates());
        auto still = (co_await f.connect_tls(f.client_options())).value();
        EXPECT_EQ(still->tls()->peer_certificate_sha256, before->tls()->peer_certificate_sha256);
        (void)f.files_of(f.make({.names = {"DNS:a.example"}}, &f.authority));
        EXPECT_TRUE(f.acceptor->reload_certificates());
        auto after = (co_await f.connect_tls(f.client_options())).value();
        EXPECT_NE(after->tls()->peer_certificate_sha256, before->tls()->peer_certificate_sha256);
    };
    run(story(*this));
}

TEST_F(TlsFixture, says_which_file_of_a_listener_is_wrong) {
    const Pair one = make({.names = {"DNS:a.example"}}, &authority);
    const Pair two = make({.names = {"DNS:a.example"}}, &authority);
    ListenOptions options;
    options.at = {boost::asio::ip::address_v4::loopback(), 0};
    options.tls = TlsServerOptions{"/nonexistent/chain.pem", files.write("k", one.key_pem)};
    const auto missing = network.listen(options);
    ASSERT_FALSE(missing);
    EXPECT_TRUE(missing.error().detail.contains("/nonexistent/chain.pem"))
        << missing.error().detail;
    options.tls =
        TlsServerOptions{files.write("c", one.certificate_pem), files.write("k", two.key_pem)};
    const auto mixed = network.listen(options);
    ASSERT_FALSE(mixed);
    EXPECT_TRUE(mixed.error().detail.contains("private key")) << mixed.error().detail;
}

/// A server that speaks no more than TLS 1.2, in a thread of its own: two connections.
void serve_tls_1_2(int listener, const TlsServerOptions& files) {
    SslContextPtr context{SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_use_certificate_chain_file(context.get(), files.certificate_chain_file.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), files.private_key_file.c_str(), SSL_FILETYPE_PEM);
    for (int i = 0; i < 2; ++i) {
        const int connection = ::accept(listener, nullptr, nullptr);
        SslPtr ssl{SSL_new(context.get())};
        SSL_set_fd(ssl.get(), connection);
        SSL_accept(ssl.get());
        ::close(connection);
    }
}

TEST_F(TlsFixture, takes_tls_1_2_only_when_allowed) {
    const TlsServerOptions options = files_of(make({.names = {"DNS:a.example"}}, &authority));
    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor old{context, {boost::asio::ip::address_v4::loopback(), 0}};
    const Endpoint at = old.local_endpoint();
    std::jthread thread{[&] { serve_tls_1_2(old.native_handle(), options); }};
    const auto story = [](TlsFixture& f, Endpoint at) -> Task<> {
        auto first = (co_await f.network.connect(at, f.in(5s))).value();
        const auto refused =
            co_await f.network.start_tls(std::move(first), f.client_options(), f.in(5s));
        EXPECT_EQ(refused.error().code, Errc::tls_version) << refused.error().detail;
        EXPECT_EQ(refused.error().detail, "the other side does not offer TLS 1.3 or newer");
        TlsClientOptions lower = f.client_options();
        lower.version_min = TlsVersion::tls_1_2;
        auto second = (co_await f.network.connect(at, f.in(5s))).value();
        const auto accepted = co_await f.network.start_tls(std::move(second), lower, f.in(5s));
        EXPECT_TRUE(accepted) << accepted.error().detail;
        if (accepted) {
            EXPECT_EQ((*accepted)->tls()->version, "TLSv1.2");
        }
    };
    run(story(*this, at));
}

TEST_F(TlsFixture, a_client_that_speaks_no_tls_only_loses_its_connection) {
    listen(files_of(make({.names = {"DNS:a.example"}}, &authority)));
    const auto story = [](TlsFixture& f) -> Task<> {
        auto plain = co_await f.connect();
        (void)co_await f.send(*plain, "GET / HTTP/1.1\r\n\r\n");
        (void)co_await f.read(*plain, 1000);
        auto proper = co_await f.connect_tls(f.client_options());
        EXPECT_TRUE(proper) << proper.error().detail;
    };
    run(story(*this));
}

}  // namespace
}  // namespace blotter::runtime
