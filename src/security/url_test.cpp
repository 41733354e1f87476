#include "security/url.hpp"

#include <arpa/inet.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/test_random.hpp"

namespace blotter::security {
namespace {

using testing::HasSubstr;

TEST(Url, is_taken_apart_once) {
    const struct {
        std::string_view text, host, target, normal, header;
        std::uint16_t port;
    } cases[] = {
        {"https://example.com", "example.com", "/", "https://example.com/", "example.com", 443},
        {"HTTPS://EXAMPLE.Com:443/A/b?Q=1&r", "example.com", "/A/b?Q=1&r",
         "https://example.com/A/b?Q=1&r", "example.com", 443},
        {"http://erp:8080/hook", "erp", "/hook", "http://erp:8080/hook", "erp:8080", 8080},
        {"http://example.com/", "example.com", "/", "http://example.com/", "example.com", 80},
        {"https://example.com?q", "example.com", "/?q", "https://example.com/?q", "example.com",
         443},
        {"https://192.0.2.1/x", "192.0.2.1", "/x", "https://192.0.2.1/x", "192.0.2.1", 443},
        {"https://[2001:DB8::1]:8443/x", "2001:db8::1", "/x", "https://[2001:db8::1]:8443/x",
         "[2001:db8::1]:8443", 8443},
        {"https://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example", "/%C3%BC",
         "https://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example", 443},
        {"https://a-1.b2.example/..%2f/;x=@:y", "a-1.b2.example", "/..%2f/;x=@:y",
         "https://a-1.b2.example/..%2f/;x=@:y", "a-1.b2.example", 443},
        // A name that begins like an address is a name.
        {"https://10.0.0.1.example/x", "10.0.0.1.example", "/x", "https://10.0.0.1.example/x",
         "10.0.0.1.example", 443},
        {"https://127.0.0.1x/", "127.0.0.1x", "/", "https://127.0.0.1x/", "127.0.0.1x", 443},
        {"https://example.com//a//b", "example.com", "//a//b", "https://example.com//a//b",
         "example.com", 443},
        {"https://3com.example/%0d%0aX:%20y", "3com.example", "/%0d%0aX:%20y",
         "https://3com.example/%0d%0aX:%20y", "3com.example", 443},
    };
    for (const auto& c : cases) {
        const auto url = parse_url(c.text);
        ASSERT_TRUE(url) << c.text << ": " << describe(url.error());
        EXPECT_EQ(url->host, c.host);
        EXPECT_EQ(url->target, c.target);
        EXPECT_EQ(url->port, c.port);
        EXPECT_EQ(to_text(*url), c.normal);
        EXPECT_EQ(host_header(*url), c.header);
        EXPECT_EQ(parse_url(to_text(*url)), *url) << "the normal form reads back the same";
    }
    EXPECT_FALSE(parse_url("https://example.com")->address);
    EXPECT_EQ(parse_url("https://[::ffff:127.0.0.1]/")->address,
              *IpAddress::parse("::ffff:127.0.0.1"));
}

struct OddUrl {
    std::string_view text, says;
};

constexpr OddUrl odd_urls[] = {
    {"", "empty"},
    {"example.com", "https://host"},
    {"//example.com/", "https://host"},
    {"https:example.com", "//"},
    {"https:/example.com", "//"},
    {"https://", "host"},
    {"https:///path", "host"},
    {"https://:443/", "host"},
    {"file:///etc/passwd", "scheme 'file'"},
    {"gopher://example.com/", "scheme 'gopher'"},
    {"ftp://example.com/", "scheme 'ftp'"},
    {"dict://example.com:11111/", "scheme 'dict'"},
    {"unix:/var/run/docker.sock", "scheme 'unix'"},
    {"javascript:alert(1)", "scheme"},
    {"https://user:pass@example.com/", "user name"},
    {"https://user@example.com/", "user name"},
    {"https://@example.com/", "user name"},
    {"https://good.example#@evil.example", "fragment"},
    {"https://good.example/#", "fragment"},
    {"https://good.example\\@evil.example", "backslash"},
    {"https://good.example/\t", "control"},
    {"https://good.exa\nmple/", "control"},
    {"https://good.example/a b", "space"},
    {" https://good.example/", "space"},
    {std::string_view{"https://good.example/\0", 22}, "control"},
    {"https://good.example/\x7f", "control"},
    {"https://b\xc3\xbc"
     "cher.example/",
     "punycode"},
    {"https://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "punycode"},
    {"https://g\xd0\xbe"
     "ogle.com/",
     "punycode"},
    {"https://%31%32%37.0.0.1/", "IPv4"},
    {"https://%6cocalhost/", "DNS name"},
    {"https://127.0.0.1%2eexample/", "DNS name"},
    {"https://[::1]x/", "https://host"},
    {"https://[::1].example/", "https://host"},
    {"https://127.0.0.1 .example/", "space"},
    {"https://example.com:80:80/", "port"},
    {"https://example.com/[x]", "https://host"},
    {"https://user:pass:[::1]/", "port"},
    {"https://exa%6dple.com/", "DNS name"},
    {"https://under_score.example/", "DNS name"},
    {"https://-a.example/", "DNS name"},
    {"https://a-.example/", "DNS name"},
    {"https://a..example/", "DNS name"},
    {"https://.example/", "DNS name"},
    {"https://exa!mple.com/", "DNS name"},
    {"https://example.com./", "dot"},
    {"https://127.0.0.1./", "dot"},
    {"https://127.1/", "IPv4"},
    {"https://0/", "IPv4"},
    {"https://2130706433/", "IPv4"},
    {"https://0x7f000001/", "IPv4"},
    {"https://0X7F000001/", "IPv4"},
    {"https://0x7f.1/", "IPv4"},
    {"https://0x/", "IPv4"},
    {"https://017700000001/", "IPv4"},
    {"https://0177.0.0.1/", "IPv4"},
    {"https://127.0.0.0x1/", "IPv4"},
    {"https://256.256.256.256/", "IPv4"},
    {"https://1.2.3.4.5/", "IPv4"},
    {"https://a.b.1/", "IPv4"},
    {"https://[127.0.0.1]/", "IPv6"},
    {"https://[fe80::1%25eth0]/", "IPv6"},
    {"https://[fe80::1%eth0]/", "IPv6"},
    {"https://[v1.x]/", "IPv6"},
    {"https://[::1/", "https://host"},
    {"https://[]/", "IPv6"},
    {"https://::1/", ""},
    {"https://example.com:/", "port"},
    {"https://example.com:0/", "port"},
    {"https://example.com:65536/", "port"},
    {"https://example.com:0443/", "port"},
    {"https://example.com:4294967739/", "port"},
    {"https://example.com:443x/", "port"},
    {"https://example.com/%zz", "%"},
    {"https://example.com/%", "%"},
    {"https://example.com/\"<>", "https://host"},
};

void expect_refused(std::string_view text, std::string_view says) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text.substr(0, 80) << " -> " << to_text(*url);
    EXPECT_EQ(url.error().code, Errc::invalid_argument);
    EXPECT_THAT(url.error().detail, HasSubstr(std::string{says})) << text.substr(0, 80);
    EXPECT_LT(url.error().detail.size(), 300u);
}

TEST(Url, is_refused_with_the_reason_when_anything_is_odd) {
    for (const OddUrl& odd : odd_urls) expect_refused(odd.text, odd.says);
}

TEST(Url, is_refused_past_its_limits) {
    expect_refused("https://example.com/" + std::string(2048 - 19, 'a'), "2048");
    expect_refused("https://example.com/" + std::string(8192, 'a'), "2048");
    EXPECT_TRUE(parse_url("https://example.com/" + std::string(2048 - 20, 'a')));
    expect_refused("https://" + std::string(64, 'a') + ".example/", "DNS name");
    EXPECT_TRUE(parse_url("https://" + std::string(63, 'a') + ".example/"));
    std::string host;
    for (int i = 0; i < 63; ++i) host += "abc.";
    EXPECT_TRUE(parse_url("https://" + host + "d/")) << "253 characters";
    expect_refused("https://" + host + "de/", "DNS name");
}

TEST(Url, never_disagrees_with_the_system_about_what_is_an_ipv4_address) {
    // inet_aton is what a resolver falls back to: it takes 127.1, 0x7f.1 and octal numbers.
    constexpr std::string_view alphabet = "01234567890789xXabf.....";
    TestRandom random(17);
    int addresses = 0;
    int names = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string host;
        const std::size_t size = 1 + random.next() % 15;
        while (host.size() < size) host += alphabet[random.next() % alphabet.size()];
        const auto url = parse_url("https://" + host + "/");
        if (!url) continue;
        in_addr system{};
        const bool numeric = ::inet_aton(url->host.c_str(), &system) != 0;
        ASSERT_EQ(url->address.has_value(), numeric) << host;
        (numeric ? addresses : names) += 1;
        if (!numeric) continue;
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&system.s_addr);
        ASSERT_TRUE(std::equal(bytes, bytes + 4, url->address->bytes.begin())) << host;
    }
    EXPECT_GT(addresses, 20);
    EXPECT_GT(names, 1000);
}

TEST(Url, reads_its_own_normal_form_back_whatever_it_was_given) {
    constexpr std::string_view alphabet = "ahtps:/?#[]@!$&'()*+,;=%2f.-_~\\ \n0189xA";
    TestRandom random(23);
    int accepted = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string text = random.next() % 2 == 0 ? "https://a" : "http://[::1]";
        const std::size_t size = random.next() % 20;
        for (std::size_t k = 0; k < size; ++k) text += alphabet[random.next() % alphabet.size()];
        const auto url = parse_url(text);
        if (!url) continue;
        ++accepted;
        ASSERT_EQ(parse_url(to_text(*url)), *url) << text;
        ASSERT_TRUE(url->target.starts_with('/')) << text;
        ASSERT_EQ(url->target.find_first_of(" \n\r#\\"), std::string::npos) << text;
        ASSERT_EQ(url->host.find_first_of("/?#@[]% \\"), std::string::npos) << text;
    }
    EXPECT_GT(accepted, 1000);
}

TEST(Url, never_shows_a_password_in_its_error) {
    EXPECT_THAT(parse_url("https://user:hunter2@example.com/").error().detail,
                testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace blotter::security
