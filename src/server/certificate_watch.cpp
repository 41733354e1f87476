#include "server/certificate_watch.hpp"

namespace blotter::server {
namespace {

constexpr std::chrono::minutes interval{1};
constexpr std::size_t file_bytes_max = 1 << 20;

Result<Digest> digest_of(runtime::Disk& disk, const runtime::TlsServerOptions& files) {
    TRY(const std::string chain, disk.read_all(files.certificate_chain_file, file_bytes_max));
    TRY(const std::string key, disk.read_all(files.private_key_file, file_bytes_max));
    return sha256(chain + '\0' + key);
}

}  // namespace

runtime::Task<Result<Digest>> CertificateWatch::look() {
    co_return co_await runtime::offload(
        parts_.loop, parts_.offload,
        [&disk = parts_.disk, files = parts_.files] { return digest_of(disk, files); });
}

runtime::Task<> CertificateWatch::run() {
    auto known = co_await look();
    while (!stopping_) {
        co_await wake_.wait_until(parts_.loop.now() + interval);
        if (stopping_) co_return;
        auto now = co_await look();
        if (!now) {
            // Perhaps between the two steps of a renewal: the next look will tell.
            parts_.log.warning("tls.certificate_unreadable", {{"error", now.error()}});
            continue;
        }
        if (known && *known == *now) continue;
        known = std::move(now);
        parts_.changed();
    }
}

runtime::Task<> CertificateWatch::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

}  // namespace blotter::server
