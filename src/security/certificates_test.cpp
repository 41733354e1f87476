#include "security/certificates.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

using testing::HasSubstr;

const std::string one =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhzCCAS2gAwIBAgIUdI3VVIyRgqsJWRnjbvz4XxQrmO4wCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwHhcNMjYxMTIxMDkyMDAxWhcNMzYx\n"
    "MTE4MDkyMDAxWjAZMRcwFQYDVQQDDA5UZXN0IGF1dGhvcml0eTBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABG8/hlrjNSQvELuuUCbeuNUHpMClCGbSOISjBRkbo+r5\n"
    "HDCb/qhHILjHHY+2mdG9YpBZCJSrgFST+4Y7iNhkaNCjUzBRMB0GA1UdDgQWBBSv\n"
    "dmgVuH0tsOChRibYLNyqiAhzJTAfBgNVHSMEGDAWgBSvdmgVuH0tsOChRibYLNyq\n"
    "iAhzJTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQD05zfk/rsE\n"
    "3qGQ8JeLwT+z7uSu+qaqhz8ezyt85gwD2QIgYkLaFT9arbf41RtA7fcAPug5vLPo\n"
    "1RClOc9LotRzpJU=\n"
    "-----END CERTIFICATE-----\n";

TEST(Authorities, are_certificates_in_pem) {
    EXPECT_TRUE(check_authorities(one));
    EXPECT_TRUE(check_authorities("# our own authority\n" + one + "\n" + one));
}

TEST(Authorities, are_refused_with_the_block_that_is_wrong) {
    std::string damaged = one;
    damaged[damaged.find("MIIB") + 100] ^= 1;
    std::string truncated = one;
    truncated.erase(truncated.find("-----END"));
    // The first 32 bytes of the certificate: a length that leads nowhere.
    const std::string cut =
        "-----BEGIN CERTIFICATE-----\nMIIBhzCCAS2gAwIBAgIUdI3VVIyRgqsJWRnjbvz4\n"
        "-----END CERTIFICATE-----\n";
    const std::string key =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgME\n-----END PRIVATE KEY-----\n";
    std::string many;
    for (std::size_t i = 0; i <= authorities_max; ++i) many += one;
    const struct {
        std::string pem;
        std::string_view says;
    } cases[] = {
        {"", "there is no certificate"},
        {"-----BEGIN CERTIFICATE-----", "cannot be read"},
        {"hello", "there is no certificate"},
        {truncated, "PEM block 1 cannot be read"},
        {"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "PEM block 1"},
        {one + cut, "certificate 2 cannot be read"},
        {one + key, "block 2 is a private key"},
        {"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
         "block 1 is no certificate"},
        {many, "more than 16"},
    };
    for (const auto& c : cases) {
        const auto verdict = check_authorities(c.pem);
        ASSERT_FALSE(verdict) << c.pem.substr(0, 200);
        EXPECT_EQ(verdict.error().code, Errc::invalid_argument);
        EXPECT_THAT(verdict.error().detail, HasSubstr(std::string{c.says}));
    }
}

}  // namespace
}  // namespace blotter::security
