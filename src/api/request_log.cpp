#include "api/request_log.hpp"

#include <algorithm>
#include <utility>

namespace blotter::api {

RequestLog::RequestLog(Parts parts, Options options)
    : parts_(parts), options_(options), wake_(parts.loop), tasks_(parts.loop) {}

void RequestLog::start() {
    tasks_.on_failure = [&log = parts_.log](std::exception_ptr failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            log.error("requests.task_failed", {{"reason", std::string_view{e.what()}}});
        }
    };
    tasks_.spawn(run());
}

runtime::Task<> RequestLog::stop() {
    stopping_ = true;
    wake_.notify();
    co_await tasks_.join();
    co_await flush();
}

runtime::Task<> RequestLog::run() {
    MonoTime period_ends = parts_.loop.now() + options_.period;
    while (!stopping_) {
        co_await wake_.wait_until(period_ends);
        if (parts_.loop.now() >= period_ends) {
            noted_ = 0;
            period_ends = parts_.loop.now() + options_.period;
        }
        co_await flush();
    }
}

void RequestLog::note(std::optional<std::int64_t> workspace_no, const store::RequestLine& line) {
    if (noted_ >= options_.per_period_max) return parts_.dropped.add();
    ++noted_;
    const auto slice = std::ranges::find_if(waiting_, [&](const store::RequestSlice& s) {
        return s.workspace_no == workspace_no && s.count < store::RequestSlice::count_max;
    });
    store::RequestSlice& into =
        slice != waiting_.end() ? *slice : waiting_.emplace_back(store::RequestSlice{workspace_no});
    into.add(line);
    ++lines_waiting_;
    if (lines_waiting_ == options_.slice) wake_.notify();
}

runtime::Task<> RequestLog::flush() {
    if (waiting_.empty()) co_return;
    const std::size_t count = std::exchange(lines_waiting_, 0);
    const auto written = co_await store::write(
        parts_.loop, parts_.writer,
        [slices = std::exchange(waiting_, {}),
         keep = options_.requests_kept](store::Tx& tx) -> Result<> {
            for (const store::RequestSlice& slice : slices)
                CHECK(store::insert_request_slice(tx.db(), slice));
            // More than were added, so that a shorter limit is reached in the end.
            CHECK(store::trim_request_log(tx.db(), {.keep = keep, .limit = 2 * slices.size()}));
            return {};
        },
        store::How{store::Undo::savepoint, store::Urgency::soon});
    if (written) co_return;
    parts_.dropped.add(count);
    parts_.log.warning("requests.not_written", {{"count", count}, {"error", written.error()}});
}

}  // namespace blotter::api
