#include <algorithm>

#include "http/exchange.hpp"

namespace blotter::http {
namespace {

constexpr std::size_t wide_buffer_bytes = 64 * 1024;

}  // namespace

bool ExchangeRun::body_is_whole() const {
    switch (head_.framing) {
        case Framing::none:
            return true;
        case Framing::length:
            return answer_.body_bytes == head_.content_length;
        case Framing::chunked:
            return decoder_.done();
        case Framing::until_close:
            return false;
    }
    return true;
}

bool ExchangeRun::take_small_body() {
    if (head_.framing == Framing::none) return true;
    InputBuffer& input = connection->input;
    const std::uint64_t size = head_.content_length;
    if (head_.framing != Framing::length || what_.sink || input.size() < size ||
        size > what_.limits.body_bytes_max || size > what_.limits.body_bytes_kept)
        return false;
    answer_.body.assign(input.view().substr(0, static_cast<std::size_t>(size)));
    answer_.body_bytes = size;
    input.used(answer_.body.size());
    return true;
}

runtime::Task<Result<>> ExchangeRun::read_body() {
    // Small bodies pass through the small buffer; only a long one is worth a large one.
    const bool is_long =
        head_.framing == Framing::length && head_.content_length > InputBuffer::idle_bytes;
    if (is_long || what_.sink) connection->input.widen(wide_buffer_bytes);
    while (!body_is_whole()) {
        InputBuffer& input = connection->input;
        if (input.empty()) {
            if (answer_.body_bytes >= what_.limits.body_bytes_max) {
                answer_.body_end = BodyEnd::cut;
                break;
            }
            const MonoTime deadline = rate_deadline();
            if (loop_.now() >= deadline) {
                answer_.body_end = BodyEnd::too_slow;
                break;
            }
            const auto got = co_await connection->stream->read_some(input.room(), deadline);
            if (!got) {
                answer_.body_end =
                    got.error().code == Errc::timeout ? BodyEnd::too_slow : BodyEnd::broken;
                break;
            }
            if (*got == 0) {
                const bool proper = head_.framing == Framing::until_close;
                answer_.body_end = proper ? BodyEnd::complete : BodyEnd::broken;
                break;
            }
            input.received(*got);
            answer_bytes_ += *got;
            continue;
        }
        const auto piece = next_piece();
        if (!piece) {
            answer_.body_end = BodyEnd::malformed;
            break;
        }
        CO_CHECK(co_await accept_body(*piece));
        if (answer_.body_end != BodyEnd::complete) break;
    }
    co_return Result<>{};
}

std::optional<std::string_view> ExchangeRun::next_piece() {
    InputBuffer& input = connection->input;
    std::string_view piece = input.view();
    if (head_.framing == Framing::chunked) {
        const auto step = decoder_.feed(piece);
        if (!step) return std::nullopt;
        input.used(step->consumed);
        return step->data;
    }
    if (head_.framing == Framing::length)
        piece = piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(
                                    piece.size(), head_.content_length - answer_.body_bytes)));
    input.used(piece.size());
    return piece;
}

runtime::Task<Result<>> ExchangeRun::accept_body(std::string_view piece) {
    const std::uint64_t room = what_.limits.body_bytes_max - answer_.body_bytes;
    if (piece.size() > room) {
        piece = piece.substr(0, static_cast<std::size_t>(room));
        answer_.body_end = BodyEnd::cut;
    }
    answer_.body_bytes += piece.size();
    if (what_.sink && answer_.status >= 200 && answer_.status < 300)
        co_return co_await what_.sink->write(piece);
    const std::size_t kept = what_.limits.body_bytes_kept;
    if (answer_.body.size() < kept)
        answer_.body.append(piece.substr(0, kept - answer_.body.size()));
    co_return Result<>{};
}

}  // namespace blotter::http
