#include "security/certificates.hpp"

#include <memory>
#include <string>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/invariant.hpp"

namespace blotter::security {
namespace {

struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

/// One block of a PEM text; what OpenSSL allocates for it goes with the object.
struct Block {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;

    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() {
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, static_cast<std::size_t>(size));
    }
};

std::unexpected<Error> refuse(std::string words) {
    ERR_clear_error();
    return fail(Errc::invalid_argument, std::move(words));
}

std::string reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* words = code == 0 ? nullptr : ERR_reason_error_string(code);
    return words == nullptr ? "it is damaged" : words;
}

Result<> check_block(const Block& block, std::size_t number) {
    const std::string_view name{block.name};
    if (name.contains("PRIVATE KEY"))
        return refuse(
            fmt::format("block {} is a private key, which does not belong here: give "
                        "certificates only, and replace that key",
                        number));
    if (name != "CERTIFICATE")
        return refuse(fmt::format("block {} is no certificate (\"BEGIN CERTIFICATE\") but \"{}\"",
                                  number, name.substr(0, 40)));
    const unsigned char* at = block.data;
    const Certificate read{d2i_X509(nullptr, &at, block.size)};
    if (!read || at != block.data + block.size)
        return refuse(fmt::format("certificate {} cannot be read: {}", number, reason()));
    return {};
}

}  // namespace

Result<> check_authorities(std::string_view pem) {
    ERR_clear_error();
    const std::unique_ptr<BIO, FreeBio> in{
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    INVARIANT(in != nullptr);
    for (std::size_t number = 1;; ++number) {
        Block block;
        if (PEM_read_bio(in.get(), &block.name, &block.header, &block.data, &block.size) != 1) {
            const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (!at_end)
                return refuse(fmt::format("PEM block {} cannot be read: {}", number, reason()));
            ERR_clear_error();
            if (number > 1) return {};
            return refuse(
                "there is no certificate: give PEM text that begins with "
                "-----BEGIN CERTIFICATE-----");
        }
        if (number > authorities_max)
            return refuse(
                fmt::format("there are more than {} certificates: give the authority "
                            "that signs the receiver's certificate",
                            authorities_max));
        CHECK(check_block(block, number));
    }
}

}  // namespace blotter::security
