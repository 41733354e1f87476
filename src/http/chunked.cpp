#include <algorithm>

#include "http/guard.hpp"
#include "http/message.hpp"

namespace blotter::http {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Anything that could end or hide a line. Tab and bytes above 0x7f are left to pass.
bool ends_line_wrongly(char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f';
}

}  // namespace

const char* ChunkedDecoder::take_size(char c) {
    const int digit = hex_value(c);
    if (digit >= 0) {
        // 2^56 bytes are more than any limit, and keep the arithmetic from overflowing.
        if (left_ >> 52 != 0) return "a chunk size is absurd";
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        state_ = State::size;
        return nullptr;
    }
    if (state_ == State::size_first) return "a chunk size is missing";
    if (c == '\r') {
        state_ = State::size_lf;
        return nullptr;
    }
    if (c != ';') return "a chunk size holds a character that is no hexadecimal digit";
    state_ = State::extension;
    extension_bytes_ = 0;
    return nullptr;
}

// A reader that knows quotes would not see the end of the line inside of one, so the line may not
// end there.
const char* ChunkedDecoder::take_extension(char c) {
    if (c == '\r' && state_ == State::extension) {
        state_ = State::size_lf;
        return nullptr;
    }
    if (++extension_bytes_ > extension_bytes_max) return "a chunk extension is too long";
    if (ends_line_wrongly(c)) return "a chunk extension holds a control character";
    if (state_ == State::extension_escaped)
        state_ = State::extension_quoted;
    else if (c == '"')
        state_ = state_ == State::extension ? State::extension_quoted : State::extension;
    else if (c == '\\' && state_ == State::extension_quoted)
        state_ = State::extension_escaped;
    return nullptr;
}

const char* ChunkedDecoder::take_trailer(char c) {
    if (++trailer_bytes_ > trailer_bytes_max) return "the trailers are too long";
    if (state_ == State::trailer_lf) {
        state_ = State::trailer_start;
        return c == '\n' ? nullptr : "a trailer line is not ended by CRLF";
    }
    if (state_ == State::trailer) {
        if (c == '\r') state_ = State::trailer_lf;
        return c != '\r' && ends_line_wrongly(c) ? "a trailer holds a control character" : nullptr;
    }
    if (c == '\r' && state_ == State::trailer_start) {
        state_ = State::end_lf;
        return nullptr;
    }
    if (c == ':' && state_ == State::trailer_name) {
        state_ = State::trailer;
        return nullptr;
    }
    if (!is_token({&c, 1})) return "a trailer is not of the form name: value";
    if (state_ == State::trailer_start && ++trailers_ > trailers_max) return "too many trailers";
    state_ = State::trailer_name;
    return nullptr;
}

const char* ChunkedDecoder::take(char c) {
    switch (state_) {
        case State::size_first:
        case State::size:
            return take_size(c);
        case State::extension:
        case State::extension_quoted:
        case State::extension_escaped:
            return take_extension(c);
        case State::size_lf:
            state_ = left_ > 0 ? State::data : State::trailer_start;
            return c == '\n' ? nullptr : "a chunk size is not ended by CRLF";
        case State::data_cr:
            state_ = State::data_lf;
            return c == '\r' ? nullptr : "a chunk is longer than it said";
        case State::data_lf:
            state_ = State::size_first;
            return c == '\n' ? nullptr : "a chunk is longer than it said";
        case State::trailer_start:
        case State::trailer_name:
        case State::trailer:
        case State::trailer_lf:
            return take_trailer(c);
        case State::end_lf:
            // What is not ended rightly has no end: what follows must not pass for a request.
            if (c != '\n') return "the chunked body is not ended by CRLF";
            state_ = State::done;
            return nullptr;
        case State::data:
        case State::done:
            break;
    }
    return "the chunked body goes on after its end";
}

Result<ChunkedDecoder::Step> ChunkedDecoder::feed(std::string_view input) {
    Step step;
    while (step.consumed < input.size() && state_ != State::done) {
        if (state_ == State::data) {
            const auto run = static_cast<std::size_t>(
                std::min<std::uint64_t>(left_, input.size() - step.consumed));
            step.data = input.substr(step.consumed, run);
            step.consumed += run;
            left_ -= run;
            if (left_ == 0) state_ = State::data_cr;
            return step;
        }
        if (const char* const wrong = take(input[step.consumed]))
            return fail(Errc::malformed, wrong);
        ++step.consumed;
    }
    return step;
}

}  // namespace blotter::http
