#pragma once

#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "base/result.hpp"
#include "base/time.hpp"

/// Internal to the room: what OpenSSL has to say, for people.
namespace blotter::runtime {

/// Why a certificate was not accepted, for the verification callback: "the certificate expired on
/// 2026-01-31", "it is for a.example and b.example, not for c.example". Text from certificates is
/// cut and made printable.
Error certificate_trouble(X509_STORE_CTX* store, std::string_view wanted_name);

/// Why a handshake failed for another reason than the certificate. Reads the error queue.
Error handshake_trouble(std::string_view version_min);

/// The first reason in OpenSSL's error queue, or "unknown reason".
std::string openssl_reason();

}  // namespace blotter::runtime
