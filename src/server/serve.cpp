#include "server/serve.hpp"

#include <cstdio>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/load.hpp"
#include "observe/log_sinks.hpp"
#include "runtime/clock.hpp"
#include "server/environment.hpp"
#include "server/node.hpp"
#include "server/version.hpp"

namespace blotter::server {
namespace {

constexpr int exit_cannot_start = 1;
constexpr int exit_store_failed = 70;

/// Keys are in this process's memory: it leaves no core and no other process may look into it.
void protect_memory() {
    ::prctl(PR_SET_DUMPABLE, 0);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
}

observe::Level level_of(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::debug:
            return observe::Level::debug;
        case config::LogLevel::info:
            return observe::Level::info;
        case config::LogLevel::warning:
            return observe::Level::warning;
        case config::LogLevel::error:
            return observe::Level::error;
    }
    return observe::Level::info;
}

/// Signals are waited for in one place and reach no other thread.
class Signals {
  public:
    Signals() {
        ::sigemptyset(&set_);
        for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set_, number);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
    }
    int wait() {
        int number = 0;
        ::sigwait(&set_, &number);
        return number;
    }

  private:
    sigset_t set_{};
};

}  // namespace

int serve(std::string config_file, std::vector<std::string> flags) {
    Signals signals;
    const auto configured = load_configuration(config_file, flags);
    if (!configured) {
        std::fprintf(stderr, "blotter: %s\n", describe(configured.error()).c_str());
        return exit_cannot_start;
    }
    const config::Settings& settings = configured->settings();
    protect_memory();
    const runtime::SystemClock clock;
    const auto now = [&clock] { return clock.wall(); };
    const auto format = settings.log.format == config::LogFormat::json ? observe::Format::json
                                                                       : observe::Format::text;
    observe::DescriptorSink descriptor{2};
    observe::BackgroundSink sink{{settings.log.queue_bytes_max}, descriptor, now};
    observe::Logger log{{level_of(settings.log.level), format}, sink, now};
    for (const std::string& warning : configured->warnings())
        log.warning("config.warning", {{"detail", warning}});
    if (settings.egress.http_allowed || settings.development.enabled)
        log.warning(
            "config.development",
            {{"detail", "plain http destinations or development mode are on: not for production"}});
    const pthread_t main_thread = ::pthread_self();
    const auto machine = make_machine();
    auto node = Node::open({settings, log, std::string{version}, *machine,
                            [main_thread] { ::pthread_kill(main_thread, SIGUSR1); }});
    if (node) {
        if (auto started = (*node)->start(); !started) node = pass(std::move(started).error());
    }
    if (!node) {
        log.error("server.cannot_start", {{"error", node.error()}});
        sink.flush();
        return exit_cannot_start;
    }
    for (;;) {
        const int number = signals.wait();
        if (number == SIGUSR1) {
            // What is in memory cannot be trusted to reach the disk: end at once, the next start
            // recovers from what is durable.
            sink.flush();
            ::_exit(exit_store_failed);
        }
        if (number != SIGHUP) break;
        if (const auto rewrapped = (*node)->rotate_master_key(); !rewrapped)
            log.error("keys.rotation_failed", {{"error", rewrapped.error()}});
        else if (*rewrapped > 0)
            log.info("keys.rotated", {{"count", *rewrapped}});
        if (auto again = load_configuration(config_file, flags)) {
            log.set_level(level_of(again->settings().log.level));
            log.info("config.reloaded");
        } else {
            log.error("config.reload_failed", {{"error", again.error()}});
        }
        (*node)->reload_certificates();
    }
    (*node)->stop();
    sink.flush();
    return 0;
}

}  // namespace blotter::server
