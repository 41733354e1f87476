#include "connectors/slack/pacing_desk.hpp"

#include "runtime/start.hpp"

namespace blotter::connectors::slack {
namespace {

constexpr std::size_t buckets_kept_max = 10'000;

}  // namespace

PacingDesk::Desk& PacingDesk::desk_of(const std::string& team) {
    std::size_t sum = 0;
    for (const char c : team) sum = sum * 31 + static_cast<unsigned char>(c);
    return *desks_[sum % desks_.size()];
}

runtime::Task<Pacer::Place> PacingDesk::book_at(Desk& desk, Request request) {
    const MonoTime now = desk.loop->now();
    if (desk.pacer.size() > buckets_kept_max) desk.pacer.tidy(now);
    co_return desk.pacer.book(request.team, request.channel, limits_for(request), now,
                              request.wait_max);
}

runtime::Task<> PacingDesk::pause_at(Desk& desk, Request request, MonoTime until) {
    desk.pacer.pause(request.team, request.channel, limits_for(request), until);
    co_return;
}

runtime::Task<Pacer::Place> PacingDesk::book(Request request) {
    Desk& desk = desk_of(request.team);
    return runtime::run_on(desk.loop->executor(), book_at(desk, std::move(request)));
}

runtime::Task<> PacingDesk::pause(Request request, MonoTime until) {
    Desk& desk = desk_of(request.team);
    return runtime::run_on(desk.loop->executor(), pause_at(desk, std::move(request), until));
}

}  // namespace blotter::connectors::slack
