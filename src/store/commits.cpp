#include "store/commits.hpp"

#include <algorithm>

namespace blotter::store {

void Commits::ring() {
    count_.fetch_add(1);
    if (is_anybody_resting_.load() && is_anybody_resting_.exchange(false))
        loop_.post([this] { wake_all(); });
}

void Commits::wake_all() {
    for (Watch* watch : watches_)
        if (watch->is_resting_) watch->wake();
}

Watch::Watch(Commits& commits, Rounds rounds)
    : commits_(commits), rounds_(rounds), signal_(commits.loop_), begun_(commits.loop_.now()) {
    commits_.watches_.push_back(this);
}

Watch::~Watch() {
    std::erase(commits_.watches_, this);
}

void Watch::begin_look() {
    begun_ = commits_.loop_.now();
    seen_ = commits_.count_.load();
    is_woken_ = false;
}

runtime::Task<> Watch::rest(std::optional<Timestamp> due) {
    // Not sooner than that for anything but the end.
    while (!is_stopped_ && commits_.loop_.now() < begun_ + rounds_.least)
        co_await signal_.wait_until(begun_ + rounds_.least);
    Duration ahead = rounds_.most;
    // A millisecond more than is left: times are cut to milliseconds.
    if (due) ahead = std::min(ahead, *due - commits_.loop_.clock().wall() + Duration{1});
    const MonoTime end = commits_.loop_.now() + ahead;
    is_resting_ = true;
    commits_.is_anybody_resting_.store(true);
    while (!is_stopped_ && !is_woken_ && commits_.count_.load() == seen_ &&
           commits_.loop_.now() < end)
        co_await signal_.wait_until(end);
    is_resting_ = false;
}

void Watch::wake() {
    is_woken_ = true;
    signal_.notify();
}

void Watch::stop() {
    is_stopped_ = true;
    signal_.notify();
}

}  // namespace blotter::store
