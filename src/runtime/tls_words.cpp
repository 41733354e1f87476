#include "runtime/tls_words.hpp"

#include <ctime>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace blotter::runtime {
namespace {

constexpr std::size_t names_shown_max = 8;
constexpr std::size_t name_bytes_max = 100;

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, name_bytes_max)) out += c >= ' ' && c <= '~' ? c : '?';
    if (text.size() > name_bytes_max) out += "…";
    return out;
}

std::string text_of(const ASN1_STRING* string) {
    return printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                      static_cast<std::size_t>(ASN1_STRING_length(string))});
}

std::string day_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable date";
    return to_rfc3339(from_ms(static_cast<std::int64_t>(::timegm(&parts)) * 1000)).substr(0, 10);
}

/// The common name, or the organisation, of a distinguished name.
std::string name_of(const X509_NAME* name) {
    for (const int wanted : {NID_commonName, NID_organizationName}) {
        const int at = X509_NAME_get_index_by_NID(name, wanted, -1);
        if (at >= 0)
            return "'" + text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))) + "'";
    }
    return "an issuer without a name";
}

std::string address_of(const ASN1_OCTET_STRING* octets) {
    const unsigned char* const data = ASN1_STRING_get0_data(octets);
    const int size = ASN1_STRING_length(octets);
    std::string out;
    if (size == 4) {
        for (int i = 0; i < 4; ++i) out += (i > 0 ? "." : "") + std::to_string(data[i]);
        return out;
    }
    static constexpr std::string_view digits = "0123456789abcdef";
    for (int i = 0; i < size && size == 16; ++i) {
        if (i > 0 && i % 2 == 0) out += ':';
        out += digits[data[i] >> 4];
        out += digits[data[i] & 15];
    }
    return out;
}

/// The names a certificate is for.
std::string names_on(const X509* certificate) {
    auto* const names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    std::string out;
    std::size_t shown = 0;
    const int count = names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count; ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
        if (shown++ == names_shown_max) {
            out += ", …";
            break;
        }
        if (!out.empty()) out += ", ";
        out += name->type == GEN_DNS ? text_of(name->d.dNSName) : address_of(name->d.iPAddress);
    }
    if (names) GENERAL_NAMES_free(names);
    return out.empty() ? "no host name at all" : out;
}

}  // namespace

namespace {

Errc code_of(int error) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return Errc::certificate_expired;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return Errc::certificate_not_yet_valid;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return Errc::certificate_wrong_host;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return Errc::certificate_untrusted;
        default:
            return Errc::tls_failed;
    }
}

std::string words_of(X509_STORE_CTX* store, std::string_view wanted_name) {
    const int error = X509_STORE_CTX_get_error(store);
    const X509* const certificate = X509_STORE_CTX_get_current_cert(store);
    const std::string which =
        X509_STORE_CTX_get_error_depth(store) == 0 ? "the certificate" : "a certificate above it";
    const char* const reason = X509_verify_cert_error_string(error);
    if (!certificate) return which + " was not accepted: " + reason;
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return which + " expired on " + day_of(X509_get0_notAfter(certificate));
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return which + " is valid only from " + day_of(X509_get0_notBefore(certificate));
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the certificate is for " + names_on(certificate) + ", not for " +
                   printable(wanted_name);
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return "the certificate is self-signed, and nobody here was told to trust it";
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "the certificate leads to " + name_of(X509_get_subject_name(certificate)) +
                   ", a root that is not trusted here";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return which + " was issued by " + name_of(X509_get_issuer_name(certificate)) +
                   ", which is not trusted here and was not sent along";
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK:
            return which + " uses weak cryptography: " + reason;
        default:
            return which + " was not accepted: " + reason;
    }
}

}  // namespace

Error certificate_trouble(X509_STORE_CTX* store, std::string_view wanted_name) {
    return {code_of(X509_STORE_CTX_get_error(store)), words_of(store, wanted_name)};
}

std::string openssl_reason() {
    const unsigned long error = ERR_peek_error();
    const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
    return reason ? reason : "unknown reason";
}

Error handshake_trouble(std::string_view version_min) {
    const unsigned long error = ERR_peek_error();
    const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    switch (reason) {
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_WRONG_SSL_VERSION:
            return {Errc::tls_version,
                    "the other side does not offer " + std::string{version_min} + " or newer"};
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
            return {Errc::tls_failed, "the other side does not speak TLS on this port"};
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return {Errc::tls_failed, "the other side ended the connection during the handshake"};
        case SSL_R_EXCESSIVE_MESSAGE_SIZE:
            return {Errc::tls_failed, "the other side sent a certificate chain that is too large"};
        default:
            break;
    }
    if (error == 0)
        return {Errc::tls_failed, "the other side broke the connection during the handshake"};
    return {Errc::tls_failed, "the TLS handshake failed: " + openssl_reason()};
}

}  // namespace blotter::runtime
