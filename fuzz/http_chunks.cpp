// Chunked bodies: fed in any pieces they give the same, and the same as to Boost.Beast.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "fuzz/target.hpp"
#include "http/guard.hpp"

namespace blotter::fuzz {
namespace {

namespace beast = boost::beast;
using http::ChunkedDecoder;

struct Decoded {
    std::string body;
    std::size_t consumed = 0;
    enum class End : std::uint8_t { more, done, wrong } end = End::more;
    std::string why;
    bool operator==(const Decoded&) const = default;
};

/// `piece` gives the length of the next piece.
template <typename Piece>
Decoded decode(std::string_view input, Piece piece) {
    ChunkedDecoder decoder;
    Decoded out;
    while (out.consumed < input.size() && !decoder.done()) {
        const std::size_t most = input.size() - out.consumed;
        std::string_view part = input.substr(out.consumed, std::min(most, piece()));
        while (!part.empty() && !decoder.done()) {
            const auto step = decoder.feed(part);
            if (!step) {
                out.end = Decoded::End::wrong;
                out.why = step.error().detail;
                return out;
            }
            INVARIANT(step->consumed > 0 && step->consumed <= part.size());
            INVARIANT(step->data.empty() ||
                      (step->data.data() >= part.data() &&
                       step->data.data() + step->data.size() <= part.data() + step->consumed));
            out.body += step->data;
            out.consumed += step->consumed;
            part.remove_prefix(step->consumed);
        }
    }
    if (decoder.done()) out.end = Decoded::End::done;
    return out;
}

void check_witness(std::string_view input, const Decoded& ours) {
    beast::http::response_parser<beast::http::string_body> theirs;
    theirs.body_limit(1 << 20);
    theirs.eager(true);
    const std::string message =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string{input};
    std::string_view rest = message;
    beast::error_code error;
    while (!rest.empty() && !theirs.is_done()) {
        const std::size_t used = theirs.put(boost::asio::buffer(rest), error);
        // Extensions are thrown away here, whatever is in them.
        if (error == beast::http::error::bad_chunk_extension) return;
        INVARIANT(!error);
        rest.remove_prefix(used);
    }
    INVARIANT(theirs.is_done() && theirs.get().body() == ours.body);
    INVARIANT(input.size() - rest.size() == ours.consumed);
}

}  // namespace

void run(std::string_view input) {
    Decoded whole = decode(input, [] { return SIZE_MAX; });
    Decoded bytes = decode(input, [] { return std::size_t{1}; });
    Draw draw{input};
    Decoded pieces = decode(input, [&] { return 1 + draw.below(9); });
    // How much was taken before a mistake depends on the pieces; what came out does not.
    if (whole.end == Decoded::End::wrong) whole.consumed = bytes.consumed = pieces.consumed = 0;
    INVARIANT(whole == bytes && whole == pieces);
    if (whole.end == Decoded::End::done) check_witness(input, whole);
}

}  // namespace blotter::fuzz
