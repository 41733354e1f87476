#pragma once

#include <atomic>
#include <cstdint>

#include <fmt/format.h>

#include "base/result.hpp"
#include "observe/metrics.hpp"

namespace blotter::api {

/// Whether the disk has room for what comes in (data.free_bytes_min). One task sets it, every loop
/// reads it; a request costs one relaxed load.
class DiskSpace {
  public:
    explicit DiskSpace(std::uint64_t wanted) : wanted_(wanted) {}

    void set_free(std::uint64_t bytes) { free_.set(static_cast<std::int64_t>(bytes)); }
    bool is_short() const { return static_cast<std::uint64_t>(free_.value()) < wanted_; }
    /// Why nothing more is taken in.
    Result<> check() const {
        if (!is_short()) return {};
        return fail(Errc::storage_full,
                    fmt::format("only {} MiB are free where Blotter keeps its data, and "
                                "data.free_bytes_min keeps {} MiB: new events and files are "
                                "refused until there is room again",
                                free_.value() >> 20, wanted_ >> 20));
    }
    void show_on(observe::MetricsPage& page) const {
        page.add({"blotter_disk_free_bytes", "Free space where the data is kept"}, {}, free_);
    }

  private:
    const std::uint64_t wanted_;
    observe::Gauge free_;
};

}  // namespace blotter::api
