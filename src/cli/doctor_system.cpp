#include <filesystem>
#include <sys/resource.h>
#include <sys/timex.h>

#include <openssl/x509.h>

#include "cli/doctor.hpp"
#include "runtime/clock.hpp"
#include "runtime/disk.hpp"
#include "runtime/system_network.hpp"

namespace blotter::cli {
namespace {

namespace fs = std::filesystem;

/// Descriptors beside connections: database, files, name look-ups.
constexpr std::uint64_t spare_descriptors = 200;

fs::path nearest_existing(fs::path path) {
    std::error_code error;
    path = fs::absolute(path, error);
    while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
    return path;
}

Diagnosis look_at_space(runtime::Disk& disk, const config::Settings& settings) {
    constexpr const char* name = "disk space";
    const auto free = disk.free_bytes(nearest_existing(settings.data.directory));
    if (!free) return {Health::failure, name, free.error().detail};
    const std::uint64_t wanted = settings.data.free_bytes_min;
    const std::string words = fmt::format("{} MiB free", *free >> 20);
    if (*free < wanted)
        return {Health::failure, name,
                fmt::format("{}, less than data.free_bytes_min ({} MiB): new events are refused. "
                            "Make room, or lower the setting",
                            words, wanted >> 20)};
    if (*free / 4 < wanted)
        return {Health::warning, name,
                fmt::format("{}; under {} MiB new events are refused", words, wanted >> 20)};
    return {Health::ok, name, words};
}

Diagnosis look_at_sync(runtime::Disk& disk, const config::Settings& settings) {
    constexpr const char* name = "durable writes";
    const fs::path folder = nearest_existing(settings.data.directory);
    const fs::path probe = folder / ".blotter-doctor";
    const runtime::SystemClock clock;
    const auto write = [&]() -> Result<> {
        TRY(const auto file, disk.create(probe));
        CHECK(file->write(as_bytes("probe")));
        return file->sync();
    };
    const MonoTime begin = clock.mono();
    const auto written = write();
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock.mono() - begin);
    if (auto removed = disk.remove(probe); !removed && written)
        return {Health::failure, name, removed.error().detail};
    if (!written) return {Health::failure, name, written.error().detail};
    return {Health::ok, name,
            fmt::format("a write reaches the disk in {}.{:03} ms", took.count() / 1000,
                        took.count() % 1000)};
}

Diagnosis look_at_time_sync() {
    constexpr const char* name = "clock";
    timex state{};
    const int answer = ::adjtimex(&state);
    if (answer == TIME_ERROR)
        return {Health::warning, name,
                "the kernel does not know of a time source: run an NTP client (receivers refuse "
                "webhooks that are more than 5 minutes off)"};
    return {Health::ok, name,
            answer < 0 ? "the kernel does not say whether it is set by a time "
                         "source"
                       : "set by a time source"};
}

Diagnosis look_at_descriptors(const config::Settings& settings) {
    constexpr const char* name = "open files";
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {Health::ok, name, "no limit known"};
    const std::uint64_t wanted =
        settings.listen.connections_max + settings.delivery.in_flight_max + spare_descriptors;
    if (limit.rlim_cur >= wanted || limit.rlim_cur == RLIM_INFINITY)
        return {Health::ok, name, fmt::format("up to {}", limit.rlim_cur)};
    return {Health::warning, name,
            fmt::format("up to {}, but the settings allow {} connections: ulimit -n {}, or "
                        "LimitNOFILE= in the unit, or lower listen.connections_max",
                        limit.rlim_cur, wanted, wanted)};
}

Result<> check_authorities_file(runtime::Disk& disk, const fs::path& file) {
    TRY(const std::string pem, disk.read_all(file, runtime::authorities_bytes_max));
    return runtime::check_authorities(pem);
}

Diagnosis look_at_authorities(runtime::Disk& disk, const config::Settings& settings) {
    constexpr const char* name = "TLS authorities";
    std::error_code error;
    const fs::path extra = settings.egress.extra_ca_file;
    if (!extra.empty()) {
        const auto usable = check_authorities_file(disk, extra);
        if (!usable)
            return {
                Health::failure, name,
                fmt::format("egress.extra_ca_file, {}: {}", extra.string(), usable.error().detail)};
    }
    const fs::path bundle = ::X509_get_default_cert_file();
    const fs::path folder = ::X509_get_default_cert_dir();
    const bool has_bundle = fs::is_regular_file(bundle, error);
    const bool has_folder = fs::is_directory(folder, error) && !fs::is_empty(folder, error);
    if (has_bundle || has_folder)
        return {Health::ok, name, (has_bundle ? bundle : folder).string()};
    return {Health::failure, name,
            fmt::format("there are none in {}, so no https receiver can be trusted: apt-get "
                        "install ca-certificates",
                        folder.string())};
}

}  // namespace

std::vector<Diagnosis> diagnose_system(const config::Settings& settings) {
    const auto disk = runtime::make_system_disk();
    return {look_at_space(*disk, settings), look_at_sync(*disk, settings), look_at_time_sync(),
            look_at_descriptors(settings), look_at_authorities(*disk, settings)};
}

}  // namespace blotter::cli
