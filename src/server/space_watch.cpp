#include "server/space_watch.hpp"

namespace blotter::server {
runtime::Task<> SpaceWatch::run() {
    bool was_short = parts_.space.is_short();
    if (was_short) parts_.log.error("disk.short", {{"error", parts_.space.check().error()}});
    while (!stopping_) {
        co_await wake_.wait_until(parts_.loop.now() + parts_.interval);
        if (stopping_) co_return;
        const auto free = co_await runtime::offload(
            parts_.loop, parts_.offload,
            [&disk = parts_.disk, folder = parts_.folder] { return disk.free_bytes(folder); });
        // What cannot be asked is not known to be full: writing finds out.
        if (!free) {
            parts_.log.warning("disk.unknown", {{"error", free.error()}});
            continue;
        }
        parts_.space.set_free(*free);
        const bool is_short = parts_.space.is_short();
        if (is_short && !was_short)
            parts_.log.error("disk.short", {{"error", parts_.space.check().error()}});
        if (!is_short && was_short) parts_.log.info("disk.has_room");
        was_short = is_short;
    }
}

runtime::Task<> SpaceWatch::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
}

}  // namespace blotter::server
