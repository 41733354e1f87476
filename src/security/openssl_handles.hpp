#pragma once

#include <memory>

// Declared here so that OpenSSL's headers stay in .cpp files.
struct evp_cipher_ctx_st;
struct evp_md_ctx_st;
struct evp_pkey_st;

namespace blotter::security {

/// Gives the handles of libcrypto back. Each context is used by one thread at a time.
struct OpenSslFree {
    void operator()(evp_cipher_ctx_st* handle) const noexcept;
    void operator()(evp_md_ctx_st* handle) const noexcept;
    void operator()(evp_pkey_st* handle) const noexcept;
};

using CipherContext = std::unique_ptr<evp_cipher_ctx_st, OpenSslFree>;
using DigestContext = std::unique_ptr<evp_md_ctx_st, OpenSslFree>;
using PrivateOrPublicKey = std::unique_ptr<evp_pkey_st, OpenSslFree>;

}  // namespace blotter::security
