// The small texts around requests and answers: cursors, links, file names, keys of repeated
// requests, what a receiver answers.
#include <algorithm>

#include "api/file_names.hpp"
#include "api/helpers.hpp"
#include "base/utf8.hpp"
#include "connectors/links.hpp"
#include "connectors/reference_id.hpp"
#include "delivery/retry_after.hpp"
#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

using namespace api;

constexpr std::string_view key = "0123456789abcdef0123456789abcdef";

void check_cursor(std::string_view text) {
    static const auto secret = security::Secret::copy_of(key);
    const Cursors cursors{secret, "listEvents", 7};
    // Only what was made here is read.
    if (const auto at = cursors.read(text)) INVARIANT(cursors.make(at->first, at->second) == text);
    Draw draw{text};
    const auto first = static_cast<std::int64_t>(draw.next());
    const auto second = static_cast<std::int64_t>(draw.next());
    std::string made = cursors.make(first, second);
    INVARIANT(cursors.read(made).value() == std::pair(first, second));
    INVARIANT(!(Cursors{secret, "listEvents", 8}.read(made)));
    INVARIANT(!(Cursors{secret, "listAlerts", 7}.read(made)));
    made[draw.below(made.size())] ^= static_cast<char>(1 + draw.below(127));
    INVARIANT(!cursors.read(made));
}

void check_link(std::string_view text) {
    static const connectors::LinkSigner signer{security::Secret::copy_of(key), "https://a.example"};
    if (const auto link = signer.open(text)) INVARIANT(signer.token(*link) == text);
    Draw draw{text};
    connectors::Link link{.event_seq = static_cast<std::int64_t>(draw.next() >> 1),
                          .destination_no = static_cast<std::int64_t>(draw.next() >> 32)};
    for (std::uint8_t& b : link.file.value) b = static_cast<std::uint8_t>(draw.next());
    std::string token = signer.token(link);
    INVARIANT(signer.open(token).value() == link);
    token[draw.below(token.size())] ^= static_cast<char>(1 + draw.below(127));
    INVARIANT(!signer.open(token));
}

/// The name in `filename*=UTF-8''…`.
std::string name_in(std::string_view disposition) {
    constexpr std::string_view start = "filename*=UTF-8''";
    const std::size_t at = disposition.find(start);
    INVARIANT(at != std::string_view::npos);
    return read_file_name(disposition.substr(at + start.size())).value();
}

void check_file_name(std::string_view header) {
    if (const auto name = read_file_name(header)) {
        INVARIANT(!name->empty() && name->size() <= file_name_bytes_max);
        INVARIANT(!find_invalid_utf8(*name));
        const std::string line = make_disposition(*name);
        INVARIANT(std::ranges::all_of(line, [](unsigned char c) { return c >= ' ' && c < 0x7f; }));
        INVARIANT(std::ranges::count(line, '"') == 2 && line.starts_with("attachment; "));
        // Everything arrives as it was, but for what would be a path.
        std::string kept = *name;
        std::ranges::replace(kept, '/', '_');
        std::ranges::replace(kept, '\\', '_');
        INVARIANT(name_in(line) == kept);
    }
    const auto type = read_media_type(header);
    if (!type) return;
    INVARIANT(read_media_type(*type).value() == *type && http::is_field_value(*type));
    const std::string_view safe = safe_media_type(*type);
    INVARIANT(safe_media_type(safe) == safe && !safe.contains("html") && !safe.contains("svg"));
}

void check_answer(std::string_view text) {
    const std::string reference = connectors::reference_id_of(text);
    INVARIANT(reference.size() <= 200 && !find_invalid_utf8(reference));
    INVARIANT(std::ranges::none_of(reference, [](unsigned char c) { return c < 0x20; }));
    const Timestamp now = from_ms(1'779'805'920'000);
    if (const auto wait = delivery::parse_retry_after(text, now))
        INVARIANT(*wait >= Duration{} && *wait <= delivery::retry_after_max);
    if (const auto at = delivery::parse_http_date(text, now)) {
        INVARIANT(delivery::parse_http_date(http::to_http_date(*at), now) == at);
        INVARIANT(to_ms(*at) >= 0);
    }
}

void check_idempotency_key(std::string_view text) {
    http::Request request;
    request.target = "/v1/events";
    request.headers.add("Idempotency-Key", text);
    http::RequestContext context;
    const Call call{.request = request, .http = context};
    const auto once = read_idempotency(call);
    INVARIANT(once.has_value() == (!text.empty() && text.size() <= 255));
    if (once) INVARIANT(once->wanted && read_idempotency(call)->key_hash == once->key_hash);
}

}  // namespace

void run(std::string_view input) {
    check_cursor(input);
    check_link(input);
    check_file_name(input);
    check_answer(input);
    check_idempotency_key(input);
}

}  // namespace blotter::fuzz
