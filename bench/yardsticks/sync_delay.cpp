// Loaded before the C library of a measured program (LD_PRELOAD): every sync takes
// BENCH_SYNC_DELAY_US longer, as on a slower disk, and is counted in the 8 bytes of
// BENCH_SYNC_COUNT.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire.hpp"

namespace {

using Sync = int (*)(int);

std::atomic<std::uint64_t>* counter() {
    static std::atomic<std::uint64_t>* const place = []() -> std::atomic<std::uint64_t>* {
        static std::atomic<std::uint64_t> own{0};
        const char* path = std::getenv("BENCH_SYNC_COUNT");
        if (path == nullptr) return &own;
        const int fd = open(path, O_RDWR);
        void* at = fd < 0 ? MAP_FAILED : mmap(nullptr, 8, PROT_WRITE, MAP_SHARED, fd, 0);
        return at == MAP_FAILED ? &own : static_cast<std::atomic<std::uint64_t>*>(at);
    }();
    return place;
}

int delayed(const char* name, int fd) {
    static const long delay_us = [] {
        const char* text = std::getenv("BENCH_SYNC_DELAY_US");
        return text == nullptr ? 0L : static_cast<long>(yardstick::number(text));
    }();
    counter()->fetch_add(1, std::memory_order_relaxed);
    if (delay_us > 0) {
        const timespec wait{delay_us / 1'000'000, delay_us % 1'000'000 * 1'000};
        nanosleep(&wait, nullptr);
    }
    return reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

extern "C" int fsync(int fd) {
    return delayed("fsync", fd);
}
extern "C" int fdatasync(int fd) {
    return delayed("fdatasync", fd);
}
