#include <algorithm>

#include "http/exchange.hpp"
#include "runtime/signal.hpp"

namespace blotter::http {
namespace {

/// So many addresses of one name are called at once, each after the one before had `head_start` to
/// answer (RFC 8305): addresses that say nothing must not use up the time of those that would.
constexpr std::size_t called_at_once_max = 4;
/// A call may end a little after its time: it does not keep the next one from being made.
constexpr std::size_t ending_max = 4;
constexpr std::chrono::nanoseconds head_start = std::chrono::milliseconds{250};
/// What each gets at least, although the others then get none.
constexpr std::chrono::nanoseconds share_min = std::chrono::milliseconds{250};

/// How long the next of `left` addresses may take: all the rest of the time when all of them can
/// be called at once, else its part, so that the last one has as long as the first.
std::chrono::nanoseconds share_of(std::chrono::nanoseconds rest, std::size_t left,
                                  std::size_t calling) {
    if (left + calling <= called_at_once_max) return rest;
    const auto width = static_cast<std::int64_t>(called_at_once_max);
    return std::max(rest * width / (static_cast<std::int64_t>(left) + width), share_min);
}

/// Calls to several addresses of one name. Shared with the calls, which may end after the race.
struct Race {
    explicit Race(runtime::Loop& loop) : changed(loop) {}
    runtime::Signal changed;
    std::unique_ptr<runtime::Stream> winner;
    runtime::Endpoint winner_at;
    std::optional<Error> last_error;
    std::size_t calling = 0;
    std::size_t failed = 0;
    bool over = false;
};

/// One call. A connection that comes when the race is over is closed with nothing sent.
runtime::Task<> call(std::shared_ptr<Race> race, runtime::Network& network, runtime::Endpoint to,
                     MonoTime deadline) {
    auto stream = co_await network.connect(to, deadline);
    race->calling -= 1;
    if (race->over || race->winner) co_return;
    if (stream) {
        race->winner = *std::move(stream);
        race->winner_at = to;
    } else {
        race->failed += 1;
        race->last_error = std::move(stream).error();
    }
    race->changed.notify();
}

}  // namespace

runtime::Task<Result<>> ExchangeRun::connect(std::vector<runtime::IpAddress> addresses) {
    const MonoTime start = loop_.now();
    const MonoTime deadline = by(what_.limits.connect);
    Result<std::unique_ptr<runtime::Stream>> made = nullptr;
    if (addresses.size() == 1) {
        facts_.remote = runtime::Endpoint{addresses[0], what_.origin->options().port};
        made = co_await network_.connect(*facts_.remote, deadline);
    } else {
        made = co_await connect_to_one_of(std::move(addresses), deadline);
    }
    facts_.timings.connect = loop_.now() - start;
    if (!made) co_return pass(std::move(made).error());
    connection = std::make_unique<Connection>();
    connection->stream = *std::move(made);
    connection->born = loop_.now();
    co_return Result<>{};
}

runtime::Task<Result<std::unique_ptr<runtime::Stream>>> ExchangeRun::connect_to_one_of(
    std::vector<runtime::IpAddress> addresses, MonoTime deadline) {
    const auto race = std::make_shared<Race>(loop_);
    std::size_t called = 0;
    std::size_t failed = 0;
    MonoTime next_call = loop_.now();
    while (!race->winner && loop_.now() < deadline && !pool_.is_cut) {
        const MonoTime now = loop_.now();
        // Who failed makes room at once.
        if (race->failed != std::exchange(failed, race->failed)) next_call = now;
        const std::size_t left = addresses.size() - called;
        const bool may_call = left > 0 && race->calling < called_at_once_max + ending_max;
        if (may_call && next_call <= now) {
            const auto share = share_of(deadline - now, left, race->calling);
            const runtime::Endpoint to{addresses[called++], what_.origin->options().port};
            facts_.remote = to;
            race->calling += 1;
            pool_.calls().spawn(call(race, network_, to, std::min(deadline, now + share)));
            next_call = now + std::min(head_start, share / std::int64_t{called_at_once_max});
            continue;
        }
        if (left == 0 && race->calling == 0) break;
        co_await race->changed.wait_until(may_call ? std::min(deadline, next_call) : deadline);
    }
    race->over = true;
    if (race->winner) {
        facts_.remote = race->winner_at;
        co_return std::move(race->winner);
    }
    if (race->last_error) co_return std::unexpected(*std::move(race->last_error));
    co_return fail(Errc::timeout, "no address answered in time");
}

}  // namespace blotter::http
