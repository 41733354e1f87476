#include "runtime/system_resolver.hpp"

#include <array>
#include <map>

#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include "runtime/task_group.hpp"

namespace blotter::runtime {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

/// A name server on loopback that knows a few names (RFC 1035 section 4.1).
class SmallNameServer {
  public:
    using Udp = boost::asio::basic_datagram_socket<boost::asio::ip::udp, Executor>;

    struct Entry {
        std::vector<IpAddress> addresses;
        int code = 0;  ///< 2: server failure, 3: no such name, 5: refused
        enum class Silent : bool { no, yes } silent = Silent::no;
    };

    explicit SmallNameServer(Loop& loop)
        : socket_(loop.executor(), {boost::asio::ip::address_v4::loopback(), 0}) {}

    std::string at() const {
        return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
    }
    void close() { socket_.close(); }

    Task<> serve() {
        std::array<char, 1500> packet;
        for (;;) {
            boost::asio::ip::udp::endpoint from;
            const auto [error, size] =
                co_await socket_.async_receive_from(boost::asio::buffer(packet), from, use_task);
            if (error) co_return;
            const std::string reply = answer({packet.data(), size});
            if (!reply.empty()) socket_.send_to(boost::asio::buffer(reply), from);
        }
    }

    std::map<std::string, Entry> names;
    int questions = 0;

  private:
    static void put(std::string& out, unsigned value) {
        out += static_cast<char>(value >> 8);
        out += static_cast<char>(value & 0xff);
    }

    std::string answer(std::string_view query) {
        ++questions;
        std::string name;
        std::size_t at = 12;
        while (at < query.size() && query[at] != 0) {
            const auto size = static_cast<std::size_t>(query[at]);
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, size);
            at += size + 1;
        }
        const bool v6 = query[at + 2] == 28;
        const auto found = names.find(name);
        const Entry entry = found == names.end() ? Entry{.code = 3} : found->second;
        if (entry.silent == Entry::Silent::yes) return {};
        std::string records;
        unsigned count = 0;
        for (const IpAddress& address : entry.addresses) {
            if (address.is_v6() != v6) continue;
            ++count;
            records += std::string{"\xc0\x0c\x00", 3} + (v6 ? "\x1c" : "\x01");
            records += std::string{"\x00\x01\x00\x00\x00\x00", 6};
            put(records, v6 ? 16 : 4);
            if (v6)
                for (const auto byte : address.to_v6().to_bytes())
                    records += static_cast<char>(byte);
            else
                for (const auto byte : address.to_v4().to_bytes())
                    records += static_cast<char>(byte);
        }
        std::string out{query.substr(0, 2)};
        put(out, 0x8180U | static_cast<unsigned>(entry.code));
        put(out, 1);
        put(out, count);
        put(out, 0);
        put(out, 0);
        out += query.substr(12, at + 5 - 12);
        return out + records;
    }

    Udp socket_;
};

struct ResolverFixture : testing::Test {
    SystemClock clock;
    Loop loop{clock};
    SmallNameServer names{loop};
    std::unique_ptr<SystemResolver> resolver;
    TaskGroup group{loop};
    std::vector<Result<std::vector<IpAddress>>> answers;
    std::chrono::nanoseconds took{};

    Task<> ask(std::vector<std::string> hosts, Duration time) {
        for (const std::string& host : hosts) {
            const MonoTime start = loop.now();
            auto answer = co_await resolver->resolve(host, start + time);
            took = loop.now() - start;
            answers.push_back(std::move(answer));
        }
        names.close();
        loop.stop();
    }
    void resolve(std::vector<std::string> hosts, Duration time = 5s) {
        SystemResolverOptions options;
        options.servers = {names.at()};
        auto opened = SystemResolver::open(loop, options);
        ASSERT_TRUE(opened) << opened.error().detail;
        resolver = *std::move(opened);
        group.on_failure = [this](std::exception_ptr) {
            ADD_FAILURE() << "a task threw";
            loop.stop();
        };
        group.spawn(names.serve());
        group.spawn(ask(std::move(hosts), time));
        loop.run();
        ASSERT_FALSE(answers.empty());
    }
};

TEST_F(ResolverFixture, finds_addresses_of_both_kinds) {
    names.names["a.example"].addresses = {make_address("192.0.2.1"), make_address("192.0.2.2"),
                                          make_address("2001:db8::1")};
    resolve({"a.example"});
    ASSERT_TRUE(answers[0]) << answers[0].error().detail;
    EXPECT_EQ(answers[0]->size(), 3U);
    EXPECT_EQ(names.questions, 2);
}

TEST_F(ResolverFixture, gives_at_most_64_addresses) {
    for (int i = 1; i <= 70; ++i)
        names.names["a.example"].addresses.push_back(make_address("192.0.2." + std::to_string(i)));
    resolve({"a.example"});
    ASSERT_TRUE(answers[0]) << answers[0].error().detail;
    EXPECT_EQ(answers[0]->size(), 64U);
}

TEST_F(ResolverFixture, says_in_words_what_failed) {
    names.names["empty.example"] = {};
    names.names["broken.example"].code = 2;
    names.names["refused.example"].code = 5;
    resolve({"none.example", "empty.example", "broken.example", "refused.example"});
    ASSERT_EQ(answers.size(), 4U);
    const std::array<std::string_view, 4> words{"no host named none.example", "has no address", "",
                                                ""};
    for (std::size_t i = 0; i < answers.size(); ++i) {
        ASSERT_FALSE(answers[i]);
        EXPECT_EQ(answers[i].error().code, Errc::resolve_failed);
        EXPECT_TRUE(answers[i].error().detail.contains(words[i])) << answers[i].error().detail;
    }
}

TEST_F(ResolverFixture, gives_up_after_two_seconds_whatever_the_caller_allows) {
    names.names["silent.example"].silent = SmallNameServer::Entry::Silent::yes;
    resolve({"silent.example"}, 1min);
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::timeout);
    EXPECT_LT(took, 2500ms);
}

TEST_F(ResolverFixture, keeps_to_the_callers_deadline) {
    names.names["silent.example"].silent = SmallNameServer::Entry::Silent::yes;
    names.names["a.example"].addresses = {make_address("192.0.2.1")};
    resolve({"silent.example", "a.example"}, 100ms);
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().code, Errc::timeout);
    EXPECT_TRUE(answers[1]) << answers[1].error().detail;
}

TEST_F(ResolverFixture, honours_the_hosts_file) {
    resolve({"localhost"});
    ASSERT_TRUE(answers[0]) << answers[0].error().detail;
    EXPECT_EQ(names.questions, 0);
    EXPECT_TRUE((*answers[0])[0].is_loopback());
}

TEST_F(ResolverFixture, refuses_servers_that_are_none) {
    SystemResolverOptions options;
    options.servers = {"not an address"};
    const auto opened = SystemResolver::open(loop, options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace blotter::runtime
