#include "api/request_log.hpp"

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

runtime::Task<> RequestLog::flush() {
    if (waiting_.empty()) co_return;
    const std::size_t count = waiting_.size();
    std::vector<store::RequestLogRow> next;
    next.reserve(count);
    const auto written = co_await store::write(
        parts_.loop, parts_.writer,
        [rows = std::exchange(waiting_, std::move(next)),
         keep = options_.rows_kept](store::Tx& tx) -> Result<> {
            for (const store::RequestLogRow& row : rows)
                CHECK(store::insert_request_log(tx.db(), row));
            CHECK(store::trim_request_log(tx.db(), {.keep = keep, .limit = 2 * rows.size()}));
            return {};
        },
        store::How{store::Undo::savepoint, store::Urgency::soon});
    if (written) co_return;
    parts_.dropped.add(count);
    parts_.log.warning("requests.not_written", {{"count", count}, {"error", written.error()}});
}

}  // namespace blotter::api
