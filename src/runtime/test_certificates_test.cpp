#include "runtime/test_certificates.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "runtime/tls_stream.hpp"

namespace blotter::runtime::testing_certificates {
namespace {

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslFree<X509_free>>;

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int what, const std::string& value) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    INVARIANT(extension != nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

KeyPtr read_key(const std::string& pem) {
    const BioPtr in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    return KeyPtr{PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr)};
}

CertificatePtr read_certificate(const std::string& pem) {
    const BioPtr in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    return CertificatePtr{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
}

}  // namespace

Pair make_certificate(const Wanted& wanted, const Pair* issuer) {
    static long serial = 1;
    const KeyPtr key{EVP_EC_gen("P-256")};
    const CertificatePtr certificate{X509_new()};
    X509* const made = certificate.get();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    ASN1_TIME_set(X509_getm_notBefore(made), to_ms(wanted.not_before) / 1000);
    ASN1_TIME_set(X509_getm_notAfter(made), to_ms(wanted.not_after) / 1000);
    X509_NAME* const subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()),
                               -1, -1, 0);
    X509_set_pubkey(made, key.get());
    std::string names;
    for (const std::string& name : wanted.names) names += (names.empty() ? "" : ",") + name;
    if (!names.empty()) add_extension(made, NID_subject_alt_name, names);
    const bool authority = wanted.authority == Wanted::Authority::yes;
    add_extension(made, NID_basic_constraints, authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (issuer) {
        const CertificatePtr above = read_certificate(issuer->certificate_pem);
        const KeyPtr signer = read_key(issuer->key_pem);
        X509_set_issuer_name(made, X509_get_subject_name(above.get()));
        X509_sign(made, signer.get(), EVP_sha256());
    } else {
        X509_set_issuer_name(made, subject);
        X509_sign(made, key.get(), EVP_sha256());
    }
    const BioPtr certificate_out{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(certificate_out.get(), made);
    const BioPtr key_out{BIO_new(BIO_s_mem())};
    PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {text_of(certificate_out.get()), text_of(key_out.get())};
}

std::string fingerprint_of(const Pair& pair) {
    Digest digest;
    unsigned int size = digest.size();
    X509_digest(read_certificate(pair.certificate_pem).get(), EVP_sha256(), digest.data(), &size);
    return to_hex(digest);
}

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "blotter-tls-XXXXXX").string();
    INVARIANT(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& content) const {
    const std::string path = path_ + "/" + name;
    std::ofstream{path, std::ios::binary} << content;
    return path;
}

}  // namespace blotter::runtime::testing_certificates
