#pragma once

#include <functional>

#include "observe/log.hpp"
#include "runtime/disk.hpp"
#include "runtime/net.hpp"
#include "runtime/offload.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "server/background.hpp"

namespace blotter::server {

/// Notices that the certificate or its key was renewed, by looking at both files once a minute, so
/// that nobody has to send SIGHUP after each renewal. One loop.
class CertificateWatch final : public Background {
  public:
    struct Parts {
        runtime::Loop& loop;
        runtime::Offload& offload;
        runtime::Disk& disk;
        observe::Logger& log;
        runtime::TlsServerOptions files;
        std::function<void()> changed;  ///< reads them again
    };
    explicit CertificateWatch(Parts parts)
        : parts_(std::move(parts)), wake_(parts_.loop), tasks_(parts_.loop) {}

    void start() override { tasks_.spawn(run()); }
    runtime::Task<> stop() override;

  private:
    runtime::Task<> run();
    runtime::Task<Result<Digest>> look();

    Parts parts_;
    bool stopping_ = false;
    runtime::Signal wake_;
    runtime::TaskGroup tasks_;
};

}  // namespace blotter::server
