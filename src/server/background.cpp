#include "server/background.hpp"

#include "api/document_clock.hpp"
#include "api/envelope_clock.hpp"
#include "api/replay_runner.hpp"
#include "api/slack/keeper.hpp"
#include "runtime/task_group.hpp"
#include "server/figures.hpp"
#include "server/retention.hpp"
#include "server/space_watch.hpp"

namespace blotter::server {
namespace {

class Expiry final : public Background {
  public:
    Expiry(api::Services& services, store::Commits& commits, const Pace& pace)
        : clock_(services, commits, pace.envelopes), tasks_(services.loop) {}
    void start() override { tasks_.spawn(clock_.run()); }
    runtime::Task<> stop() override {
        clock_.stop();
        co_await tasks_.join();
    }

  private:
    api::EnvelopeClock clock_;
    runtime::TaskGroup tasks_;
};

class Replays final : public Background {
  public:
    Replays(api::Services& services, const Pace& pace) : runner_(services, pace.replays) {}
    void start() override { runner_.start(); }
    runtime::Task<> stop() override { co_await runner_.stop(); }

  private:
    api::ReplayRunner runner_;
};

class Documents final : public Background {
  public:
    Documents(api::Services& services, store::Commits& commits, const Pace& pace)
        : clock_(services, commits, pace.documents), tasks_(services.loop) {}
    void start() override { tasks_.spawn(clock_.run()); }
    runtime::Task<> stop() override {
        clock_.stop();
        co_await tasks_.join();
    }

  private:
    api::DocumentClock clock_;
    runtime::TaskGroup tasks_;
};

class Slack final : public Background {
  public:
    Slack(api::Services& services, store::Commits& commits, const Pace& pace)
        : keeper_(services, commits, pace.slack) {}
    void start() override { keeper_.start(); }
    runtime::Task<> stop() override { co_await keeper_.stop(); }

  private:
    api::SlackKeeper keeper_;
};

}  // namespace

std::vector<std::unique_ptr<Background>> make_background(const BackgroundParts& parts) {
    api::Services& services = parts.services;
    std::vector<std::unique_ptr<Background>> out;
    out.push_back(std::make_unique<Expiry>(services, parts.commits, parts.pace));
    out.push_back(std::make_unique<Replays>(services, parts.pace));
    out.push_back(std::make_unique<SpaceWatch>(
        SpaceWatch::Parts{services.loop, services.offload, parts.disk, services.log, parts.space,
                          services.settings.data.directory, parts.pace.space}));
    const auto workspaces = [&services] {
        std::vector<std::int64_t> numbers;
        for (const auto* workspace : services.directory->workspaces())
            numbers.push_back(workspace->no);
        return numbers;
    };
    out.push_back(std::make_unique<Retention>(Retention::Parts{
        services.loop, services.writer, services.blobs, services.log, parts.retention_probe,
        services.settings, workspaces, parts.pace.retention}));
    out.push_back(std::make_unique<Figures>(
        Figures::Parts{services.loop, services.reader, services.writer, services.log,
                       parts.figures_probe, parts.pace.figures}));
    out.push_back(std::make_unique<Documents>(services, parts.commits, parts.pace));
    out.push_back(std::make_unique<Slack>(services, parts.commits, parts.pace));
    return out;
}

}  // namespace blotter::server
