#include "security/egress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

std::vector<Cidr> cidrs(std::initializer_list<std::string_view> texts) {
    std::vector<Cidr> out;
    for (const std::string_view text : texts) out.push_back(*Cidr::parse(text));
    return out;
}

EgressGuard guard_with(std::initializer_list<std::string_view> allow,
                       PlainHttp http = PlainHttp::allowed) {
    return *EgressGuard::create({.plain_http = http, .allow = cidrs(allow)});
}

const EgressGuard open_web = guard_with({});

// The attack cases that can be judged without a network, with http allowed so that it is the
// address, not the scheme, that refuses them.
TEST(EgressGuard, refuses_every_address_that_is_not_public) {
    const struct {
        std::string_view url, says;
    } cases[] = {
        {"http://127.0.0.1/", "loopback"},
        {"http://127.255.255.254/", "loopback"},
        {"http://127.1/", "IPv4"},
        {"http://0/", "IPv4"},
        {"http://2130706433/", "IPv4"},
        {"http://0x7f000001/", "IPv4"},
        {"http://017700000001/", "IPv4"},
        {"http://127.0.0.1./", "dot"},
        {"http://[127.0.0.1]/", "IPv6"},
        {"http://localhost/", "loopback"},
        {"http://LOCALHOST:8080/", "loopback"},
        {"http://foo.localhost/", "loopback"},
        {"http://[::1]/", "loopback"},
        {"http://[::]/", "unspecified"},
        {"http://[::ffff:127.0.0.1]/", "loopback"},
        {"http://[::ffff:7f00:1]/", "127.0.0.1 inside IPv6"},
        {"http://[::127.0.0.1]/", "reserved"},
        {"http://[64:ff9b::a9fe:a9fe]/", "NAT64"},
        {"http://[64:ff9b:1::7f00:1]/", "NAT64"},
        {"http://[2002:7f00:1::]/", "6to4"},
        {"http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "Teredo"},
        {"http://[fd00:ec2::254]/", "metadata"},
        {"http://169.254.169.254/latest/meta-data/", "link-local (cloud metadata)"},
        {"http://100.100.100.200/", "metadata"},
        {"http://10.0.0.5/", "private"},
        {"http://172.16.0.1/", "private"},
        {"http://172.31.255.255/", "private"},
        {"http://192.168.1.1/", "private"},
        {"http://100.64.0.1/", "shared"},
        {"http://[fc00::1]/", "private"},
        {"http://0.0.0.0/", "unspecified"},
        {"http://255.255.255.255/", "broadcast"},
        {"http://224.0.0.1/", "multicast"},
        {"http://239.255.255.255/", "multicast"},
        {"http://240.0.0.1/", "reserved"},
        {"http://[fe80::1]/", "link-local"},
        {"http://[fe80::1%25eth0]/", "IPv6"},
        {"http://[ff02::1]/", "multicast"},
        {"file:///etc/passwd", "scheme"},
        {"gopher://example.com/", "scheme"},
        {"https://user:pass@example.com/", "user name"},
        {"https://good.example#@evil.example/", "fragment"},
        {"https://good.example\\@evil.example/", "backslash"},
        {"https://example.com:22/", "port 22"},
        {"https://example.com:25/", "port 25"},
        {"https://example.com:6379/", "port 6379"},
        {"https://example.com:5432/", "port 5432"},
        {"https://example.com:0/", "port"},
        {"https://example.com:65536/", "port"},
        {"https://example.com:1023/", "port 1023"},
    };
    for (const auto& c : cases) {
        const auto url = open_web.check_url(c.url);
        ASSERT_FALSE(url) << c.url;
        EXPECT_THAT(url.error().detail, HasSubstr(std::string{c.says})) << c.url;
    }
}

TEST(EgressGuard, lets_public_addresses_and_names_pass) {
    for (const std::string_view url :
         {"https://example.com/", "https://example.com:8443/", "https://example.com:1024/",
          "https://example.com:65535/", "http://example.com/", "https://1.1.1.1/",
          "https://172.32.0.1/", "https://172.15.255.255/", "https://100.128.0.1/",
          "https://[2606:4700:4700::1111]/", "https://[::ffff:1.1.1.1]/", "https://erp:8443/",
          // Names are judged by their addresses when they are connected to.
          "http://metadata.google.internal/", "https://localhost.example.com/"}) {
        const auto result = open_web.check_url(url);
        EXPECT_TRUE(result) << url << ": " << describe(result.error());
    }
}

TEST(EgressGuard, knows_every_block_of_the_special_registries_at_both_ends) {
    const struct {
        std::string_view first, last;
        AddressTier tier;
    } cases[] = {
        {"0.0.0.0", "0.255.255.255", AddressTier::forbidden},
        {"10.0.0.0", "10.255.255.255", AddressTier::private_network},
        {"100.64.0.0", "100.127.255.255", AddressTier::private_network},
        {"127.0.0.0", "127.255.255.255", AddressTier::forbidden},
        {"168.63.129.16", "168.63.129.16", AddressTier::forbidden},
        {"169.254.0.0", "169.254.255.255", AddressTier::forbidden},
        {"172.16.0.0", "172.31.255.255", AddressTier::private_network},
        {"192.0.0.0", "192.0.0.255", AddressTier::reserved},
        {"192.0.0.192", "192.0.0.192", AddressTier::forbidden},
        {"192.0.2.0", "192.0.2.255", AddressTier::reserved},
        {"192.88.99.0", "192.88.99.255", AddressTier::reserved},
        {"192.168.0.0", "192.168.255.255", AddressTier::private_network},
        {"198.18.0.0", "198.19.255.255", AddressTier::reserved},
        {"198.51.100.0", "198.51.100.255", AddressTier::reserved},
        {"203.0.113.0", "203.0.113.255", AddressTier::reserved},
        {"224.0.0.0", "239.255.255.255", AddressTier::forbidden},
        {"240.0.0.0", "255.255.255.254", AddressTier::reserved},
        {"255.255.255.255", "255.255.255.255", AddressTier::forbidden},
        {"::2", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"64:ff9b::", "64:ff9b::ffff:ffff", AddressTier::reserved},
        {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"100::", "100::ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"1fff:ffff::", "4000::", AddressTier::reserved},
        {"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::private_network},
        {"fd20:ce::254", "fd20:ce::254", AddressTier::forbidden},
        {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::forbidden},
        {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::reserved},
        {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AddressTier::forbidden},
        {"::ffff:10.0.0.0", "::ffff:10.255.255.255", AddressTier::private_network},
        {"1.0.0.0", "9.255.255.255", AddressTier::global},
        {"128.0.0.1", "168.63.129.15", AddressTier::global},
        {"192.0.1.0", "192.0.1.255", AddressTier::global},
        {"198.17.255.255", "198.20.0.0", AddressTier::global},
        {"223.255.255.255", "203.0.114.0", AddressTier::global},
        {"2001:200::", "2001:db7:ffff::", AddressTier::global},
        {"2001:db9::", "2001:ffff::", AddressTier::global},
        {"2003::", "3ffe:ffff::", AddressTier::global},
        {"3fff:1000::", "3fff:ffff::", AddressTier::global},
        {"::ffff:8.8.8.8", "::ffff:1.1.1.1", AddressTier::global},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(kind_of(ip(c.first)).tier, c.tier) << c.first;
        EXPECT_EQ(kind_of(ip(c.last)).tier, c.tier) << c.last;
    }
}

TEST(EgressGuard, opens_only_what_the_server_configuration_names) {
    const struct {
        std::string_view allow, address;
        bool open;
    } cases[] = {
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.1.0.0/16", "10.1.2.3", true},
        {"10.1.0.0/16", "10.2.0.1", false},
        {"10.0.0.0/8", "192.168.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"127.0.0.1/32", "127.0.0.1", true},
        {"127.0.0.1/32", "127.0.0.2", false},
        {"127.0.0.0/8", "127.0.0.2", true},
        {"::1/128", "::1", true},
        {"::1/128", "127.0.0.1", false},
        {"169.254.169.254/32", "169.254.169.254", true},
        {"100.64.0.0/10", "100.100.100.201", true},
        {"100.64.0.0/10", "100.100.100.200", false},
        {"fc00::/7", "fd00::1", true},
        {"fc00::/7", "fd00:ec2::254", false},
        {"fd00:ec2::254", "fd00:ec2::254", true},
        {"203.0.113.0/24", "203.0.113.9", true},
    };
    for (const auto& c : cases) {
        const auto verdict = guard_with({c.allow}).check_address({ip(c.address), 443});
        EXPECT_EQ(verdict.has_value(), c.open) << c.allow << " " << c.address;
    }
}

TEST(EgressGuard, refuses_allow_entries_that_open_nothing) {
    for (const std::string_view text :
         {"0.0.0.0/0", "::/0", "10.0.0.0/7", "100.0.0.0/8", "168.0.0.0/6", "fc00::/6"}) {
        const auto result = EgressGuard::create({.allow = cidrs({text})});
        ASSERT_FALSE(result) << text;
    }
    EXPECT_THAT(check_allow_entry(*Cidr::parse("8.8.8.0/24")).error().detail, HasSubstr("public"));
    EXPECT_THAT(check_allow_entry(*Cidr::parse("10.0.0.0/7")).error().detail,
                HasSubstr("10.0.0.0/8"));
}

TEST(EgressGuard, lets_a_workspace_list_open_private_networks_and_nothing_else) {
    const auto list = cidrs({"10.0.0.0/8", "127.0.0.1/32", "169.254.169.254/32", "0.0.0.0/0"});
    EXPECT_TRUE(open_web.check_address({ip("10.1.2.3"), 443}, list));
    EXPECT_TRUE(open_web.check_url("https://10.1.2.3/", list));
    EXPECT_FALSE(open_web.check_address({ip("192.168.1.1"), 443}, list));
    EXPECT_FALSE(open_web.check_address({ip("127.0.0.1"), 443}, list));
    EXPECT_FALSE(open_web.check_address({ip("169.254.169.254"), 443}, list));
}

TEST(EgressGuard, never_calls_itself_even_where_the_address_is_allowed) {
    const EgressGuard guard =
        *EgressGuard::create({.plain_http = PlainHttp::allowed,
                              .allow = cidrs({"127.0.0.1/32"}),
                              .own = {{ip("127.0.0.1"), 8080}, {ip("::ffff:1.1.1.1"), 443}}});
    EXPECT_TRUE(guard.check_address({ip("127.0.0.1"), 8081}));
    for (const IpEndpoint& self :
         {IpEndpoint{ip("127.0.0.1"), 8080}, IpEndpoint{ip("::ffff:127.0.0.1"), 8080},
          IpEndpoint{ip("1.1.1.1"), 443}}) {
        const auto verdict = guard.check_address(self);
        ASSERT_FALSE(verdict);
        EXPECT_EQ(verdict.error().code, Errc::address_denied);
        EXPECT_THAT(verdict.error().detail, HasSubstr("itself"));
    }
    EXPECT_FALSE(guard.check_url("http://127.0.0.1:8080/"));
}

TEST(EgressGuard, a_listener_on_all_addresses_is_not_called_on_any_of_the_machines) {
    for (const std::string_view everywhere : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
        const EgressGuard guard =
            *EgressGuard::create({.plain_http = PlainHttp::allowed,
                                  .allow = cidrs({"127.0.0.0/8", "::1/128", "10.0.0.0/8"}),
                                  .own = {{ip(everywhere), 8080}},
                                  .machine = {ip("10.1.2.3"), ip("1.1.1.1"), ip("2606:4700::1")}});
        for (const std::string_view own :
             {"127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "::ffff:10.1.2.3", "1.1.1.1",
              "2606:4700::1", "0.0.0.0", "::"}) {
            const auto verdict = guard.check_address({ip(own), 8080});
            ASSERT_FALSE(verdict) << everywhere << " " << own;
            EXPECT_THAT(verdict.error().detail, HasSubstr("itself")) << everywhere << " " << own;
        }
        EXPECT_TRUE(guard.check_address({ip("10.1.2.3"), 8081})) << "another program's port";
        EXPECT_TRUE(guard.check_address({ip("10.1.2.4"), 8080})) << "another machine";
        EXPECT_TRUE(guard.check_address({ip("127.0.0.1"), 8081}));
    }
}

TEST(EgressGuard, refuses_the_name_under_which_the_installation_is_reached) {
    const EgressGuard guard = *EgressGuard::create({.own_names = {{"blotter.example", 443}}});
    EXPECT_THAT(guard.check_url("https://BLOTTER.example/v1/events").error().detail,
                HasSubstr("itself"));
    EXPECT_TRUE(guard.check_url("https://blotter.example:8443/"));
    EXPECT_TRUE(guard.check_url("https://other.example/"));
}

TEST(EgressGuard, wants_https_unless_plain_http_is_allowed) {
    const EgressGuard strict = guard_with({}, PlainHttp::refused);
    EXPECT_TRUE(strict.check_url("https://example.com/"));
    EXPECT_THAT(strict.check_url("http://example.com/").error().detail,
                HasSubstr("egress.http_allowed"));
    EXPECT_FALSE(strict.check_url("http://example.com:8080/"));
    EXPECT_THAT(strict.check_url("https://example.com:80/").error().detail, HasSubstr("port 80"));
    EXPECT_TRUE(open_web.check_url("https://example.com:80/"));
}

TEST(EgressGuard, says_why_and_what_would_allow_it) {
    const auto verdict = open_web.check_address({ip("169.254.169.254"), 80});
    ASSERT_FALSE(verdict);
    EXPECT_EQ(
        describe(verdict.error()),
        "address_denied: 169.254.169.254 is link-local (cloud metadata); if it is meant, allow "
        "it with egress.allow in the server configuration");
}

TEST(EgressGuard, keeps_the_allowed_ones_of_all_resolved_addresses) {
    const std::vector mixed{ip("::1"), ip("1.1.1.1"), ip("10.0.0.5"), ip("2606:4700::1")};
    EXPECT_THAT(*open_web.choose(mixed, 443), ElementsAre(ip("1.1.1.1"), ip("2606:4700::1")));
    EXPECT_THAT(*guard_with({"10.0.0.0/8"}).choose(mixed, 443),
                ElementsAre(ip("1.1.1.1"), ip("10.0.0.5"), ip("2606:4700::1")));
    const std::vector bad{ip("10.0.0.5"), ip("127.0.0.1")};
    const auto none = open_web.choose(bad, 443);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::address_denied);
    EXPECT_THAT(none.error().detail, HasSubstr("10.0.0.5"));
    EXPECT_EQ(open_web.choose({}, 443).error().code, Errc::resolve_failed);
    EXPECT_FALSE(open_web.choose(mixed, 22)) << "the port counts at connect time too";
}

}  // namespace
}  // namespace blotter::security
