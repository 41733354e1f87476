#include <algorithm>
#include <array>

#include "http/session.hpp"

namespace blotter::http {
namespace {

constexpr std::size_t piece_min = 4 * 1024;
constexpr std::size_t piece_max = 256 * 1024;
constexpr std::uint64_t discard_max = 64 * 1024;
// The stream is closed this much after the moment at which a slow client is refused, so that there
// is time to tell a client that is slow and not silent.
constexpr std::chrono::seconds hard_margin{1};

}  // namespace

void RequestBody::begin(const RequestHead& head, const BodyRule& rule) {
    framing_ = head.framing;
    expects_continue_ = head.expects_continue;
    failed_ = false;
    size_ = head.content_length;
    received_ = 0;
    bytes_max_ = rule.bytes_max;
    time_max_ = rule.time_max;
    decoder_.reset();
    waited_ = {};
}

std::optional<std::uint64_t> RequestBody::size() const {
    if (framing_ == Framing::chunked) return std::nullopt;
    return framing_ == Framing::length ? size_ : 0;
}

bool RequestBody::is_done() const {
    switch (framing_) {
        case Framing::length:
            return received_ == size_;
        case Framing::chunked:
            return decoder_.done();
        default:
            return true;
    }
}

bool RequestBody::can_discard() const {
    if (failed_) return false;
    if (is_done()) return true;
    // A client that still waits for 100 may or may not send the body now: nobody could tell.
    if (expects_continue_) return false;
    return framing_ == Framing::chunked || size_ - received_ <= discard_max;
}

std::unexpected<Error> RequestBody::broken(Error error) {
    failed_ = true;
    return pass(std::move(error));
}

runtime::Task<Result<>> RequestBody::invite() {
    expects_continue_ = false;
    if (!input_.empty()) co_return Result<>{};
    const std::array<std::string_view, 1> parts{"HTTP/1.1 100 Continue\r\n\r\n"};
    co_return co_await stream_.write(parts, loop_.now() + options_.write_time);
}

Result<std::size_t> RequestBody::take(std::span<char> into) {
    if (framing_ == Framing::length) {
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>({into.size(), input_.size(), size_ - received_}));
        std::copy_n(input_.view().data(), size, into.data());
        input_.used(size);
        received_ += size;
        return size;
    }
    std::size_t copied = 0;
    while (copied < into.size() && !input_.empty() && !decoder_.done()) {
        TRY(const auto step, decoder_.feed(input_.view().substr(0, into.size() - copied)));
        std::copy(step.data.begin(), step.data.end(),
                  into.begin() + static_cast<std::ptrdiff_t>(copied));
        input_.used(step.consumed);
        copied += step.data.size();
    }
    received_ += copied;
    if (received_ > bytes_max_)
        return fail(Errc::too_large,
                    "the body is larger than " + std::to_string(bytes_max_) + " bytes");
    return copied;
}

runtime::Task<Result<>> RequestBody::receive(std::span<char> into, std::size_t& received) {
    using std::chrono::nanoseconds;
    const nanoseconds earned{static_cast<std::int64_t>(received_) * 1'000'000'000 /
                             std::max(options_.body_rate_min, 1U)};
    const nanoseconds allowed = std::min<nanoseconds>(options_.body_grace + earned, time_max_);
    const MonoTime start = loop_.now();
    const MonoTime deadline = start + allowed - waited_;
    if (deadline <= start) co_return fail(Errc::timeout, "the body came too slowly");
    CO_TRY(received, co_await stream_.read_some(into, deadline + hard_margin));
    const MonoTime end = loop_.now();
    waited_ += end - start;
    if (received == 0) co_return fail(Errc::connection_closed, "the body ended early");
    if (end >= deadline) co_return fail(Errc::timeout, "the body came too slowly");
    co_return Result<>{};
}

runtime::Task<Result<std::size_t>> RequestBody::read_some(std::span<char> into) {
    if (failed_) co_return fail(Errc::connection_closed, "the body failed already");
    if (is_done() || into.empty()) co_return std::size_t{0};
    if (expects_continue_) {
        auto invited = co_await invite();
        if (!invited) co_return broken(std::move(invited).error());
    }
    for (;;) {
        if (!input_.empty()) {
            auto taken = take(into);
            if (!taken) co_return broken(std::move(taken).error());
            if (*taken > 0 || is_done()) co_return *taken;
        }
        // Bytes of a known number go straight where they are wanted.
        const bool direct = framing_ == Framing::length;
        const auto left = static_cast<std::size_t>(
            std::min<std::uint64_t>(into.size(), direct ? size_ - received_ : into.size()));
        std::size_t size = 0;
        auto got = co_await receive(direct ? into.first(left) : input_.room(), size);
        if (!got) co_return broken(std::move(got).error());
        if (direct) {
            received_ += size;
            co_return size;
        }
        input_.received(size);
    }
}

bool RequestBody::take_whole(std::string& out) {
    out.clear();
    if (framing_ == Framing::none) return true;
    if (framing_ != Framing::length || input_.size() < size_) return false;
    out.assign(input_.view().substr(0, static_cast<std::size_t>(size_)));
    input_.used(out.size());
    received_ = size_;
    return true;
}

runtime::Task<Result<>> RequestBody::read_all(std::string& out) {
    out.clear();
    while (!is_done()) {
        const std::size_t size = out.size();
        std::size_t piece = std::clamp(size, piece_min, piece_max);
        if (framing_ == Framing::length)
            piece = static_cast<std::size_t>(std::min<std::uint64_t>(piece, size_ - received_));
        out.resize(size + piece);
        CO_TRY(const std::size_t got,
               co_await read_some(std::span<char>{out.data() + size, piece}));
        out.resize(size + got);
    }
    co_return Result<>{};
}

runtime::Task<Result<>> RequestBody::discard() {
    std::array<char, piece_min> thrown;
    const std::uint64_t before = received_;
    while (!is_done()) {
        CO_CHECK(co_await read_some(thrown));
        if (received_ - before > discard_max)
            co_return fail(Errc::too_large, "too much is left of the body");
    }
    co_return Result<>{};
}

}  // namespace blotter::http
