#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"

/// Certificates for tests, made on the spot; no key outlives its test.
namespace blotter::runtime::testing_certificates {

struct Pair {
    std::string certificate_pem;
    std::string key_pem;
};

struct Wanted {
    std::string common_name = "test";
    /// "DNS:a.example" or "IP:127.0.0.1".
    std::vector<std::string> names;
    Timestamp not_before;
    Timestamp not_after;
    enum class Authority : bool { no, yes } authority = Authority::no;
};

/// Signed by `issuer`, or by itself when there is none.
Pair make_certificate(const Wanted& wanted, const Pair* issuer);

/// SHA-256 of the certificate, in hex.
std::string fingerprint_of(const Pair& pair);

/// A directory of its own that goes with the object.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    /// Writes a file and gives its path.
    std::string write(const std::string& name, const std::string& content) const;

  private:
    std::string path_;
};

}  // namespace blotter::runtime::testing_certificates
