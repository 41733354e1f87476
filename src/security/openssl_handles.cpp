#include "security/openssl_handles.hpp"

#include <openssl/evp.h>

namespace blotter::security {

void OpenSslFree::operator()(evp_cipher_ctx_st* handle) const noexcept {
    EVP_CIPHER_CTX_free(handle);
}
void OpenSslFree::operator()(evp_md_ctx_st* handle) const noexcept {
    EVP_MD_CTX_free(handle);
}
void OpenSslFree::operator()(evp_pkey_st* handle) const noexcept {
    EVP_PKEY_free(handle);
}

}  // namespace blotter::security
