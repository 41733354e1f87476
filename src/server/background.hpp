#pragma once

#include <memory>
#include <vector>

#include "api/services.hpp"
#include "server/platform.hpp"

namespace blotter::server {

/// Work that runs beside the requests, on the first loop: envelopes that expire, replays, documents
/// that are sent again, the look at the free space, the deletion of what is kept for a time only.
class Background {
  public:
    virtual ~Background() = default;
    virtual void start() = 0;
    /// Ends when nothing of it is under way any more.
    virtual runtime::Task<> stop() = 0;
};

struct RetentionProbe;
struct FiguresProbe;

struct BackgroundParts {
    api::Services& services;  ///< of the first loop
    runtime::Disk& disk;
    api::DiskSpace& space;
    RetentionProbe& retention_probe;
    FiguresProbe& figures_probe;
    store::Commits& commits;
    Pace pace;
};
/// All of it; what it is given outlives it.
std::vector<std::unique_ptr<Background>> make_background(const BackgroundParts& parts);

}  // namespace blotter::server
