#pragma once

#include <filesystem>

#include "api/disk_space.hpp"
#include "observe/log.hpp"
#include "runtime/disk.hpp"
#include "runtime/offload.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "server/background.hpp"

namespace blotter::server {

/// Looks at the free space once a second, away from the loop, so that no request has to.
class SpaceWatch final : public Background {
  public:
    struct Parts {
        runtime::Loop& loop;
        runtime::Offload& offload;
        runtime::Disk& disk;
        observe::Logger& log;
        api::DiskSpace& space;
        std::filesystem::path folder;
        Duration interval{1'000};
    };
    explicit SpaceWatch(Parts parts)
        : parts_(std::move(parts)), wake_(parts_.loop), tasks_(parts_.loop) {}

    void start() override { tasks_.spawn(run()); }
    runtime::Task<> stop() override;

  private:
    runtime::Task<> run();

    Parts parts_;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::server
