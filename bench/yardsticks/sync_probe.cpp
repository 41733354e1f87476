// How long the disk takes to make one page durable: overwrites 4 KiB of a preallocated file and
// syncs, as often as it is told.
//
//   bench_sync_probe FILE [COUNT]      prints {"count":N,"p50_us":…,"p99_us":…,"max_us":…}
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

#include "wire.hpp"

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    constexpr std::size_t page_bytes = 4096;
    constexpr std::size_t pages = 256;
    const int count = argc > 2 ? static_cast<int>(yardstick::number(argv[2])) : 300;
    const int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    if (fd < 0) return 1;
    std::vector<char> page(page_bytes, 'x');
    for (std::size_t i = 0; i < pages; ++i)
        if (pwrite(fd, page.data(), page_bytes, static_cast<off_t>(i * page_bytes)) < 0) return 1;
    fsync(fd);
    std::vector<std::uint64_t> took;
    for (int i = 0; i < count; ++i) {
        const std::uint64_t start = yardstick::now_ns();
        const auto at = static_cast<off_t>(static_cast<std::size_t>(i) % pages * page_bytes);
        if (pwrite(fd, page.data(), page_bytes, at) < 0 || fdatasync(fd) != 0) return 1;
        took.push_back(yardstick::now_ns() - start);
    }
    close(fd);
    unlink(argv[1]);
    std::sort(took.begin(), took.end());
    const auto at = [&](double share) {
        const auto last = static_cast<double>(took.size() - 1);
        return static_cast<double>(took[static_cast<std::size_t>(share * last)]) / 1e3;
    };
    std::printf("{\"count\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", count, at(0.5),
                at(0.99), at(1.0));
    return 0;
}
