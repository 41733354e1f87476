#include "delivery/schedule.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::delivery {
namespace {

using namespace std::chrono_literals;

Duration draw_jitter(const Schedule& schedule, Duration step, Random& random) {
    const Duration widest = std::min(step * schedule.jitter_percent() / 100, jitter_max);
    // Modulo bias is below 2^-43 here: the range is at most 900,001 of 2^64 values.
    const std::uint64_t choices = static_cast<std::uint64_t>(widest.count()) + 1;
    return Duration{static_cast<std::int64_t>(random.next() % choices)};
}

std::string_view without_spaces(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

}  // namespace

Schedule Schedule::standard() {
    Schedule schedule;
    const std::array<Duration, 7> offsets{0min, 5min, 35min, 155min, 1595min, 3035min, 72h};
    std::ranges::copy(offsets, schedule.offsets_.begin());
    schedule.count_ = offsets.size();
    return schedule;
}

Result<Schedule> Schedule::create(std::span<const Duration> offsets, std::uint32_t jitter_percent) {
    const auto refuse = [](std::string why) {
        return fail(Errc::invalid_argument, std::move(why));
    };
    if (offsets.empty() || offsets.size() > schedule_attempts_max)
        return refuse(fmt::format("a schedule has 1 to {} attempts, this one has {}",
                                  schedule_attempts_max, offsets.size()));
    if (offsets[0] != Duration::zero())
        return refuse("a schedule starts with 0s: the first attempt is made at once");
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        if (offsets[i] < Duration::zero() || offsets[i] > schedule_window_max)
            return refuse(fmt::format("attempt {} of the schedule is at {}; the limit is {}", i + 1,
                                      blotter::to_text(offsets[i]),
                                      blotter::to_text(schedule_window_max)));
        if (i > 0 && offsets[i] - offsets[i - 1] < schedule_step_min)
            return refuse(fmt::format(
                "attempt {} of the schedule is at {}: it must come at least {} after attempt {}, "
                "which is at {}",
                i + 1, blotter::to_text(offsets[i]), blotter::to_text(schedule_step_min), i,
                blotter::to_text(offsets[i - 1])));
    }
    Schedule schedule;
    std::ranges::copy(offsets, schedule.offsets_.begin());
    schedule.count_ = static_cast<std::uint32_t>(offsets.size());
    schedule.jitter_percent_ = jitter_percent;
    return schedule;
}

Result<Schedule> Schedule::parse(std::string_view text) {
    constexpr std::size_t text_bytes_max = 1'000;
    if (text.size() > text_bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("a schedule is at most {} characters long", text_bytes_max));
    std::vector<Duration> offsets;
    while (true) {
        const std::size_t comma = text.find(',');
        TRY(const Duration offset, parse_duration(without_spaces(text.substr(0, comma))));
        offsets.push_back(offset);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    return create(offsets);
}

std::string Schedule::to_text() const {
    std::string out;
    for (std::uint32_t i = 0; i < count_; ++i) {
        if (i > 0) out += ", ";
        out += blotter::to_text(offsets_[i]);
    }
    return out;
}

Duration Schedule::offset_of(std::uint32_t attempt) const {
    INVARIANT(attempt >= 1);
    INVARIANT(attempt <= count_);
    return offsets_[attempt - 1];
}

Duration Schedule::step_after(std::uint32_t attempt) const {
    return offset_of(attempt + 1) - offset_of(attempt);
}

std::optional<Timestamp> next_due(const Schedule& schedule, const FailedAttempt& failed,
                                  Random& random) {
    INVARIANT(failed.attempts_made >= 1);
    const Timestamp last = failed.first_started + schedule.window();
    if (failed.attempts_made >= schedule.attempts_max() || failed.ended >= last) return {};

    const Duration step = schedule.step_after(failed.attempts_made);
    const Duration planned = schedule.offset_of(failed.attempts_made + 1);
    Timestamp due = failed.first_started + planned + draw_jitter(schedule, step, random);
    due = std::max(due, failed.ended + step / 2);
    if (failed.retry_after)
        due = std::max(due, failed.ended + std::min(*failed.retry_after, 2 * step));
    return std::min(due, last);
}

}  // namespace blotter::delivery
