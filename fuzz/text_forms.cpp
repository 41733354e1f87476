// The small text forms: ids, hexadecimal, base64, UTF-8.
#include <algorithm>
#include <cctype>

#include <openssl/evp.h>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/utf8.hpp"
#include "fuzz/target.hpp"

namespace blotter::fuzz {
namespace {

void check_utf8(std::string_view text) {
    const auto bad = find_invalid_utf8(text);
    INVARIANT(!bad || *bad < text.size());
    INVARIANT(!find_invalid_utf8(text.substr(0, bad.value_or(text.size()))));
    if (bad) return;
    for (const std::size_t most : {std::size_t{0}, text.size() / 2, text.size()}) {
        const std::string_view cut = cut_utf8(text, most);
        INVARIANT(cut.size() <= most && cut.data() == text.data() && !find_invalid_utf8(cut));
        INVARIANT(most - cut.size() < 4);
    }
}

/// OpenSSL reads what we accept alike.
void check_base64(std::string_view text) {
    const auto bytes = from_base64(text);
    if (!bytes) return;
    INVARIANT(to_base64(*bytes) == text);
    Bytes theirs(text.size() / 4 * 3 + 1);
    const int size =
        EVP_DecodeBlock(theirs.data(), as_bytes(text).data(), static_cast<int>(text.size()));
    const auto padding = std::ranges::count(text, '=');
    INVARIANT(size >= 0 && static_cast<std::size_t>(size - padding) == bytes->size());
    INVARIANT(std::equal(bytes->begin(), bytes->end(), theirs.begin()));
}

void check_encodings(std::string_view text) {
    INVARIANT(from_hex(to_hex(as_bytes(text))).value() == Bytes(text.begin(), text.end()));
    INVARIANT(from_base64(to_base64(as_bytes(text))).value() == Bytes(text.begin(), text.end()));
    INVARIANT(from_base64url(to_base64url(as_bytes(text))).value() ==
              Bytes(text.begin(), text.end()));
    if (const auto bytes = from_hex(text)) {
        std::string lower{text};
        for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        INVARIANT(to_hex(*bytes) == lower);
    }
    if (const auto bytes = from_base64url(text)) INVARIANT(to_base64url(*bytes) == text);
}

void check_ids(std::string_view text) {
    if (const auto id = from_base32(text)) {
        const std::string canonical = to_base32(*id);
        INVARIANT(canonical.size() == 26 && from_base32(canonical).value() == *id);
    }
    if (const auto id = EventId::parse(text)) {
        INVARIANT(EventId::parse(id->text()).value() == *id);
        INVARIANT(EventId::from_bytes(id->bytes()).value() == *id);
        INVARIANT(!EnvelopeId::parse(text));
    }
}

}  // namespace

void run(std::string_view input) {
    check_utf8(input);
    check_base64(input);
    check_encodings(input);
    check_ids(input);
}

}  // namespace blotter::fuzz
