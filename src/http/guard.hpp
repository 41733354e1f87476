#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"

/// The strict readers of HTTP/1 heads (RFC 9112), pure functions over bytes. What they refuse is
/// what makes two programs disagree about where a message ends: two lengths, a length beside
/// chunks, folded lines, bare line feeds, spaces before a colon, control bytes. There is no
/// lenient mode.
namespace blotter::http {

struct HeadLimits {
    std::size_t head_bytes_max = 32 * 1024;
    std::size_t target_bytes_max = 8 * 1024;
    std::size_t fields_max = Headers::fields_max;
};

enum class Framing : std::uint8_t {
    none,         ///< no body
    length,       ///< `content_length` bytes
    chunked,      ///< RFC 9112 section 7.1
    until_close,  ///< answers only: whatever comes until the connection ends
};

struct RequestHead {
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;
    bool keep_alive = true;
    bool expects_continue = false;
    int minor_version = 1;
};

/// Reads a whole head, from the method to the empty line that ends it, into `request` (whose body
/// is left alone). Refuses with malformed (400), uri_too_long (414), headers_too_large (431),
/// unsupported_media_type (415: a coded body), expectation_failed (417), not_implemented (501) or
/// http_version (505). After a refusal the connection must be closed.
Result<RequestHead> read_request_head(std::string_view head, const HeadLimits& limits,
                                      Request& request);

struct ResponseHead {
    int status = 0;
    Framing framing = Framing::until_close;
    std::uint64_t content_length = 0;
    bool keep_alive = true;
};

/// Reads the head of an answer to a request of `method`. All refusals are protocol_error, or
/// headers_too_large for too many fields.
Result<ResponseHead> read_response_head(std::string_view head, Method method,
                                        const HeadLimits& limits, Headers& headers);

/// Looks for the end of a head in bytes that arrive in pieces.
class HeadScanner {
  public:
    enum class Found : std::uint8_t {
        more,      ///< the head goes on
        end,       ///< `size()` is the length of the head
        bare_line  ///< a line feed without a carriage return before it: never acceptable
    };
    /// `all` is everything received so far; what was looked at before is not looked at again.
    Found scan(std::string_view all);
    std::size_t size() const { return line_; }
    /// Whether the first line has ended.
    bool past_first_line() const { return line_ > 0; }
    void reset() { line_ = seen_ = 0; }

  private:
    std::size_t line_ = 0;  ///< where the line being read starts
    std::size_t seen_ = 0;
};

/// Takes a chunked body apart (RFC 9112 section 7.1). Keeps no data: body bytes are handed out
/// where they lie. Extensions and trailers are bounded and thrown away, trailers once they have
/// the form of header fields.
class ChunkedDecoder {
  public:
    static constexpr std::size_t extension_bytes_max = 256;  ///< per chunk
    static constexpr std::size_t trailer_bytes_max = 8 * 1024;
    static constexpr std::size_t trailers_max = 16;

    struct Step {
        std::size_t consumed = 0;
        std::string_view data;  ///< body bytes inside the consumed part
    };
    /// Consumes a prefix of `input`, up to and including one run of body bytes. The failure says
    /// what is wrong; its code is Errc::malformed.
    Result<Step> feed(std::string_view input);
    bool done() const { return state_ == State::done; }
    void reset() { *this = {}; }

  private:
    enum class State : std::uint8_t {
        size_first,
        size,
        extension,
        extension_quoted,
        extension_escaped,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer,
        trailer_lf,
        end_lf,
        done
    };
    /// Takes one byte of framing; gives what is wrong with it, if anything.
    const char* take(char c);
    const char* take_size(char c);
    const char* take_extension(char c);
    const char* take_trailer(char c);

    State state_ = State::size_first;
    std::uint64_t left_ = 0;
    std::size_t extension_bytes_ = 0;
    std::size_t trailer_bytes_ = 0;
    std::size_t trailers_ = 0;
};

}  // namespace blotter::http
