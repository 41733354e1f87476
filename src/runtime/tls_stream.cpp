#include "runtime/tls_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "runtime/tls_words.hpp"

namespace blotter::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::size_t record_bytes = 16 * 1024;

SystemSocket& socket_of(BIO* bio) {
    return *static_cast<SystemSocket*>(BIO_get_data(bio));
}

int bio_write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    SystemSocket& socket = socket_of(bio);
    if (!socket.is_open()) return -1;
    const std::string_view part{data, static_cast<std::size_t>(size)};
    boost::system::error_code error;
    const auto sent = socket.send({&part, 1}, error);
    if (!sent) BIO_set_retry_write(bio);
    return !sent || error ? -1 : static_cast<int>(*sent);
}

int bio_read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    SystemSocket& socket = socket_of(bio);
    if (!socket.is_open()) return -1;
    boost::system::error_code error;
    const auto got = socket.receive({into, static_cast<std::size_t>(size)}, error);
    if (!got) BIO_set_retry_read(bio);
    if (!got || error) return -1;
    if (*got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(*got);
}

long bio_control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        // Lets OpenSSL tell an end without close_notify from an error.
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        default:
            return 0;
    }
}

struct SocketBio {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    SocketBio() {
        INVARIANT(method != nullptr);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_ctrl(method, bio_control);
    }
    ~SocketBio() { BIO_meth_free(method); }
    SocketBio(const SocketBio&) = delete;
    SocketBio& operator=(const SocketBio&) = delete;
};

BIO_METHOD* socket_bio() {
    static const SocketBio bio;
    return bio.method;
}

}  // namespace

TlsStream::TlsStream(std::unique_ptr<SystemSocket> socket, SslPtr ssl, Role role,
                     std::unique_ptr<TlsBinding> binding)
    : socket_(std::move(socket)), binding_(std::move(binding)), ssl_(std::move(ssl)) {
    BIO* const bio = BIO_new(socket_bio());
    INVARIANT(bio != nullptr);
    BIO_set_data(bio, socket_.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), binding_.get());
    if (role == Role::client)
        SSL_set_connect_state(ssl_.get());
    else
        SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() {
    // Without this OpenSSL takes a connection that was simply closed for an attack in progress and
    // makes its session useless for resumption.
    if (!failed_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Task<TlsStream::Outcome> TlsStream::settle(int returned, MonoTime deadline) {
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            wait_error_ = co_await socket_->wait(SystemSocket::Way::read, deadline);
            break;
        case SSL_ERROR_WANT_WRITE:
            wait_error_ = co_await socket_->wait(SystemSocket::Way::write, deadline);
            break;
        case SSL_ERROR_ZERO_RETURN:
            co_return Outcome::ended;
        default:
            failed_ = true;
            wait_error_ = {};
            co_return Outcome::failed;
    }
    failed_ = wait_error_.failed();
    co_return failed_ ? Outcome::failed : Outcome::again;
}

std::unexpected<Error> TlsStream::broken(std::string_view doing) {
    if (wait_error_) return socket_->failure(wait_error_);
    if (!socket_->is_open()) return socket_->failure(asio::error::bad_descriptor);
    const unsigned long error = ERR_peek_error();
    if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return fail(Errc::connection_closed,
                    "the other side cut the connection without ending TLS properly");
    if (error == 0) return fail(Errc::connection_closed, "the other side broke the connection");
    return fail(Errc::connection_closed,
                "TLS broke while " + std::string{doing} + ": " + openssl_reason());
}

Task<Result<>> TlsStream::handshake(MonoTime deadline) {
    for (;;) {
        if (!socket_->is_open()) co_return socket_->failure(asio::error::bad_descriptor);
        ERR_clear_error();
        const int done = SSL_do_handshake(ssl_.get());
        if (done == 1) break;
        const Outcome outcome = co_await settle(done, deadline);
        if (outcome == Outcome::again) continue;
        if (wait_error_) {
            auto failure = socket_->failure(wait_error_);
            if (failure.error().code == Errc::timeout)
                failure.error().detail = "the TLS handshake took too long";
            co_return failure;
        }
        if (binding_ && binding_->trouble) co_return pass(*binding_->trouble);
        co_return pass(handshake_trouble(binding_ ? binding_->version_min : "TLS 1.2"));
    }
    note_handshake();
    co_return Result<>{};
}

void TlsStream::note_handshake() {
    ready_ = true;
    info_.version = SSL_get_version(ssl_.get());
    info_.cipher = SSL_get_cipher_name(ssl_.get());
    info_.resumed = SSL_session_reused(ssl_.get()) == 1;
    const X509* const peer = SSL_get0_peer_certificate(ssl_.get());
    Digest digest;
    unsigned int size = digest.size();
    if (peer && X509_digest(peer, EVP_sha256(), digest.data(), &size) == 1)
        info_.peer_certificate_sha256 = to_hex(digest);
}

Task<Result<std::size_t>> TlsStream::read_some(std::span<char> into, MonoTime deadline) {
    if (!ready_) CO_CHECK(co_await handshake(deadline));
    for (;;) {
        if (failed_ || !socket_->is_open()) co_return broken("reading");
        ERR_clear_error();
        std::size_t got = 0;
        const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
        if (done == 1) co_return got;
        const Outcome outcome = co_await settle(done, deadline);
        if (outcome == Outcome::ended) co_return std::size_t{0};
        if (outcome == Outcome::failed) co_return broken("reading");
    }
}

int TlsStream::write_once(std::span<const std::string_view> parts, std::size_t offset) {
    // Copied on this stack and not in the stream: a repeated call after a wait sees the same bytes,
    // and an idle connection keeps no buffer.
    std::array<char, record_bytes> record;
    std::size_t size = 0;
    for (const std::string_view part : parts) {
        if (offset >= part.size()) {
            offset -= part.size();
            continue;
        }
        const std::string_view rest = part.substr(offset);
        offset = 0;
        if (size == 0 && rest.size() >= record.size())
            return SSL_write(ssl_.get(), rest.data(), static_cast<int>(record.size()));
        const std::size_t taken = std::min(rest.size(), record.size() - size);
        std::copy_n(rest.data(), taken, record.data() + size);
        size += taken;
        if (size == record.size()) break;
    }
    return SSL_write(ssl_.get(), record.data(), static_cast<int>(size));
}

Task<Result<>> TlsStream::write(std::span<const std::string_view> parts, MonoTime deadline) {
    if (!ready_) CO_CHECK(co_await handshake(deadline));
    std::size_t total = 0;
    for (const std::string_view part : parts) total += part.size();
    for (std::size_t sent = 0; sent < total;) {
        if (failed_ || !socket_->is_open()) co_return broken("writing");
        ERR_clear_error();
        const int done = write_once(parts, sent);
        if (done > 0) {
            sent += static_cast<std::size_t>(done);
            continue;
        }
        const Outcome outcome = co_await settle(done, deadline);
        if (outcome != Outcome::again) co_return broken("writing");
    }
    co_return Result<>{};
}

Task<> TlsStream::shutdown(MonoTime deadline) {
    while (ready_ && !failed_ && socket_->is_open()) {
        ERR_clear_error();
        const int done = SSL_shutdown(ssl_.get());
        // 0: our close_notify is out, the other side's is not in yet and is not waited for.
        if (done >= 0 || SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_WRITE) break;
        const Outcome outcome = co_await settle(done, deadline);
        if (outcome != Outcome::again) break;
    }
    if (socket_->is_open()) socket_->shutdown_send();
}

bool TlsStream::is_quiet() {
    if (failed_ || !ready_ || !socket_->is_open()) return false;
    // Looks through the records and not at the socket: session tickets come on their own and are
    // no answer.
    char byte = 0;
    ERR_clear_error();
    const int done = SSL_peek(ssl_.get(), &byte, 1);
    return done <= 0 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ;
}

}  // namespace blotter::runtime
