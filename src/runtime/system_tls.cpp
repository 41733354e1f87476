#include "runtime/system_tls.hpp"

#include <chrono>
#include <unordered_map>

#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "runtime/tls_stream.hpp"
#include "runtime/tls_words.hpp"

namespace blotter::runtime {
namespace {

constexpr std::size_t sessions_max = 1024;
constexpr std::size_t contexts_max = 256;
constexpr std::size_t extra_roots_max = 64;
constexpr int chain_bytes_max = 64 * 1024;
constexpr int security_level = 2;  // 112 bits: no RSA below 2048, no SHA-1 signatures
constexpr const char* ciphers_1_2 =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:!aNULL:!eNULL";
constexpr std::string_view alpn{"\x08http/1.1", 9};

using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free>>;
using CertificatePtr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;

/// The sessions of one loop, by key.
struct Sessions {
    std::unordered_map<std::string, SessionPtr> by_key;
};

void apply_common(SSL_CTX* context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(context, security_level);
    SSL_CTX_set_cipher_list(context, ciphers_1_2);
    SSL_CTX_set_max_cert_list(context, chain_bytes_max);
    // One system call per record instead of two.
    SSL_CTX_set_read_ahead(context, 1);
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* const binding = static_cast<TlsBinding*>(SSL_get_app_data(ssl));
    if (binding->session_key.empty()) return 0;
    auto& by_key = static_cast<Sessions*>(binding->sessions.get())->by_key;
    if (by_key.size() >= sessions_max && !by_key.contains(binding->session_key))
        by_key.erase(by_key.begin());
    by_key[binding->session_key].reset(session);
    return 1;  // the reference is ours now
}

int note_trouble(int accepted, X509_STORE_CTX* store) {
    if (accepted == 1) return 1;
    auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const binding = static_cast<TlsBinding*>(SSL_get_app_data(ssl));
    if (!binding->trouble) binding->trouble = certificate_trouble(store, binding->name);
    return 0;
}

/// Adds the certificates of a PEM text to those trusted already.
Result<> trust(X509_STORE* store, const std::string& ca_pem) {
    if (ca_pem.empty()) return {};
    BioPtr in{BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()))};
    std::size_t count = 0;
    while (CertificatePtr root{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
        if (++count > extra_roots_max || X509_STORE_add_cert(store, root.get()) != 1) break;
    }
    ERR_clear_error();
    if (count == 0 || count > extra_roots_max)
        return fail(Errc::tls_failed,
                    "the extra certificate authorities must be 1 to 64 certificates in PEM");
    // One of them may be an intermediate, or the very certificate of the server.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return {};
}

StorePtr make_store() {
    StorePtr store{X509_STORE_new()};
    INVARIANT(store != nullptr);
    X509_STORE_set_default_paths(store.get());
    return store;
}

Result<SslContextPtr> make_client_context(TlsVersion version_min, const std::string& authorities,
                                          const std::string& ca_pem) {
    StorePtr store = make_store();
    CHECK(trust(store.get(), authorities));
    CHECK(trust(store.get(), ca_pem));
    SslContextPtr context{SSL_CTX_new(TLS_client_method())};
    INVARIANT(context != nullptr);
    apply_common(context.get());
    SSL_CTX_set_min_proto_version(
        context.get(), version_min == TlsVersion::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_cert_store(context.get(), store.release());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_trouble);
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), keep_session);
    return context;
}

/// Tells OpenSSL whom to ask for and whom to expect.
bool expect_name(SSL* ssl, const std::string& name) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(
        rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    boost::system::error_code not_an_address;
    boost::asio::ip::make_address(name, not_an_address);
    if (!not_an_address) return X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1;
    return !name.empty() && SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
           SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

struct TlsClient::Impl {
    std::string authorities;
    std::unordered_map<std::string, SslContextPtr> contexts;
    std::shared_ptr<Sessions> sessions = std::make_shared<Sessions>();

    Result<SSL_CTX*> context(TlsVersion version_min, const std::string& ca_pem,
                             const std::string& key) {
        if (const auto found = contexts.find(key); found != contexts.end())
            return found->second.get();
        TRY(SslContextPtr made, make_client_context(version_min, authorities, ca_pem));
        if (contexts.size() >= contexts_max) contexts.clear();
        return contexts.emplace(key, std::move(made)).first->second.get();
    }
};

TlsClient::TlsClient(std::string authorities) : impl_(std::make_shared<Impl>()) {
    impl_->authorities = std::move(authorities);
}
TlsClient::~TlsClient() = default;

Task<Result<std::unique_ptr<Stream>>> TlsClient::start(std::unique_ptr<SystemSocket> socket,
                                                       TlsClientOptions options,
                                                       MonoTime deadline) {
    std::string key = options.version_min == TlsVersion::tls_1_2 ? "2" : "3";
    if (!options.ca_pem.empty()) key += to_hex(sha256(options.ca_pem));
    CO_TRY(SSL_CTX* const context, impl_->context(options.version_min, options.ca_pem, key));
    SslPtr ssl{SSL_new(context)};
    INVARIANT(ssl != nullptr);
    if (!expect_name(ssl.get(), options.server_name))
        co_return fail(Errc::tls_failed,
                       "'" + options.server_name + "' is no name a certificate can be for");
    // Validity is judged by the injected clock, like every other time.
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(socket->loop().clock().wall().time_since_epoch());
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl.get()), seconds.count());
    auto binding = std::make_unique<TlsBinding>();
    binding->name = options.server_name;
    binding->version_min = options.version_min == TlsVersion::tls_1_2 ? "TLS 1.2" : "TLS 1.3";
    binding->sessions = impl_->sessions;
    if (!options.session_key.empty()) {
        // A resumed session is not verified again, so everything that verification depended on is
        // part of the key.
        binding->session_key = key + "|" + options.server_name + "|" + options.session_key;
        const auto found = impl_->sessions->by_key.find(binding->session_key);
        if (found != impl_->sessions->by_key.end()) SSL_set_session(ssl.get(), found->second.get());
    }
    auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(ssl),
                                              TlsStream::Role::client, std::move(binding));
    CO_CHECK(co_await stream->handshake(deadline));
    co_return stream;
}

Result<> TlsClient::check(const std::string& authorities) {
    if (!authorities.empty()) return trust(make_store().get(), authorities);
    return fail(Errc::tls_failed, "there is no certificate in it");
}

struct TlsServer::Impl {
    TlsServerOptions options;
    SslContextPtr context;
};

namespace {

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                    unsigned in_size, void*) {
    unsigned char* chosen = nullptr;
    const int found =
        SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(alpn.data()),
                              static_cast<unsigned>(alpn.size()), in, in_size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A key behind a password is refused; OpenSSL would ask for it on the terminal.
int no_password(char*, int, int, void*) {
    return 0;
}

std::unexpected<Error> unusable(std::string_view what, const std::string& path) {
    auto failure = fail(Errc::invalid_argument, "the " + std::string{what} + " " + path +
                                                    " cannot be used: " + openssl_reason());
    ERR_clear_error();
    return failure;
}

Result<SslContextPtr> make_server_context(const TlsServerOptions& options) {
    SslContextPtr context{SSL_CTX_new(TLS_server_method())};
    INVARIANT(context != nullptr);
    apply_common(context.get());
    SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
    SSL_CTX_set_default_passwd_cb(context.get(), no_password);
    ERR_clear_error();
    const std::string& chain = options.certificate_chain_file;
    const std::string& key = options.private_key_file;
    if (SSL_CTX_use_certificate_chain_file(context.get(), chain.c_str()) != 1)
        return unusable("certificate chain", chain);
    if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
        return unusable("private key", key);
    if (SSL_CTX_check_private_key(context.get()) != 1) return unusable("private key", key);
    return context;
}

}  // namespace

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>> TlsServer::open(TlsServerOptions options) {
    TRY(SslContextPtr context, make_server_context(options));
    auto impl = std::make_unique<Impl>(Impl{std::move(options), std::move(context)});
    return std::unique_ptr<TlsServer>{new TlsServer{std::move(impl)}};
}

Result<> TlsServer::reload() {
    TRY(impl_->context, make_server_context(impl_->options));
    return {};
}

std::unique_ptr<Stream> TlsServer::wrap(std::unique_ptr<SystemSocket> socket) {
    SslPtr ssl{SSL_new(impl_->context.get())};
    INVARIANT(ssl != nullptr);
    return std::make_unique<TlsStream>(std::move(socket), std::move(ssl), TlsStream::Role::server,
                                       nullptr);
}

}  // namespace blotter::runtime
