#include "campaign.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace blotter::sim {
namespace {

/// Seconds of processor time: many times what the longest seed needs with every sanitizer. A run
/// that takes them turns without getting anywhere, which is a finding like any other.
constexpr rlim_t processor_time_max = 600;

/// A run in another process, and the pipe that its outcome comes through.
struct Child {
    std::uint64_t seed = 0;
    pid_t pid = -1;
    int pipe = -1;
};

Child start(const RunOptions& options) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return {};
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[0]);
        const rlimit bound{processor_time_max, processor_time_max + 10};
        ::setrlimit(RLIMIT_CPU, &bound);
        Run run{options};
        const Outcome outcome = run.run();
        std::fflush(nullptr);
        const ssize_t written = ::write(ends[1], &outcome, sizeof outcome);
        // What crashed in the run was left as it was, so nothing is to be taken down.
        ::_exit(written == sizeof outcome ? 0 : 1);
    }
    ::close(ends[1]);
    return {options.plan.seed, pid, ends[0]};
}

/// What a child whose process has ended said, or how it ended.
Outcome collect(const Child& child, int status) {
    Outcome out;
    const ssize_t got = ::read(child.pipe, &out, sizeof out);
    ::close(child.pipe);
    if (got == sizeof out) return out;
    out = {};
    out.seed = child.seed;
    std::strncpy(out.promise, "process", sizeof out.promise - 1);
    const bool endless = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
    const auto text =
        endless ? fmt::format("did not end within {} s of processor time", processor_time_max)
        : WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status))
                              : fmt::format("ended with status {}", WEXITSTATUS(status));
    std::strncpy(out.what, text.c_str(), sizeof out.what - 1);
    return out;
}

}  // namespace

Outcome run_apart(const RunOptions& options) {
    const Child child = start(options);
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    return collect(child, status);
}

void run_campaign(const Campaign& campaign, const std::function<bool(const Outcome&)>& told) {
    std::map<pid_t, Child> running;
    std::uint64_t next = campaign.from;
    bool going = true;
    const auto more = [&] {
        return going && (campaign.seeds == 0 || next < campaign.from + campaign.seeds);
    };
    while (more() || !running.empty()) {
        while (more() && running.size() < campaign.at_once) {
            RunOptions options{{next++, campaign.days, campaign.faults}, campaign.control, nullptr};
            const Child child = start(options);
            if (child.pid < 0) return;
            running.emplace(child.pid, child);
        }
        int status = 0;
        const pid_t pid = ::waitpid(-1, &status, 0);
        const auto found = running.find(pid);
        if (found == running.end()) continue;
        const Outcome outcome = collect(found->second, status);
        running.erase(found);
        if (!told(outcome)) going = false;
    }
}

}  // namespace blotter::sim
