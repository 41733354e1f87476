#include "model/request_form.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/short_text.hpp"

namespace blotter {
namespace {

// Stored in forms; never change.
constexpr char event_mark = '\x01';
constexpr char second_mark = '\x02';
constexpr char base64_of_32 = '\x03';
constexpr char base64_of_64 = '\x04';
constexpr char hex_of_32 = '\x05';

constexpr bool is_mark(char c) {
    return c >= event_mark && c <= hex_of_32;
}

/// Letters and digits of all that is looked for. The "_" of an id is none of base64's.
constexpr auto is_in_word = [] {
    std::array<bool, 256> out{};
    for (const char c :
         std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_"})
        out[static_cast<std::uint8_t>(c)] = true;
    return out;
}();

std::size_t word_at(std::string_view text) {
    std::size_t size = 0;
    while (size < text.size() && is_in_word[static_cast<std::uint8_t>(text[size])]) ++size;
    return size;
}

ShortText<20> second_of(Timestamp at) {
    ShortText<20> out;
    char* const begin = out.room();
    const auto second = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    out.set_size(
        static_cast<std::size_t>(std::to_chars(begin, begin + out.bytes_max, second).ptr - begin));
    return out;
}

/// A value as long as a signature at the beginning of a text.
struct Value {
    Bytes bytes;
    std::size_t length = 0;  ///< in the text, with its padding
};
std::optional<Value> value_at(std::string_view text, char mark) {
    const std::size_t length = mark == base64_of_32 ? 44 : mark == base64_of_64 ? 88 : 64;
    const std::string_view value = text.substr(0, length);
    if (value.size() < length) return std::nullopt;
    if (mark == hex_of_32) {
        const bool is_upper =
            std::ranges::any_of(value, [](char c) { return c >= 'A' && c <= 'F'; });
        auto bytes = is_upper ? Bytes{} : from_hex(value).value_or(Bytes{});
        if (bytes.empty()) return std::nullopt;
        return Value{std::move(bytes), length};
    }
    auto bytes = from_base64(value).value_or(Bytes{});
    if (bytes.size() != (mark == base64_of_32 ? 32 : 64)) return std::nullopt;
    return Value{std::move(bytes), length};
}

/// The mark of a word that may be a signature, 0 for others.
char mark_of(std::size_t word, std::string_view rest) {
    if (word == 43 && rest.substr(word).starts_with('=')) return base64_of_32;
    if (word == 86 && rest.substr(word).starts_with("==")) return base64_of_64;
    return word == 64 ? hex_of_32 : '\0';
}

}  // namespace

RequestForm::Split RequestForm::split(std::string_view head, std::string_view lines,
                                      const Place& place) {
    Split out;
    std::string text{head};
    const auto id = place.event.short_text();
    const auto second = second_of(place.started_at);
    for (std::string_view rest = lines; !rest.empty();) {
        const std::size_t word = word_at(rest);
        std::size_t taken = std::max<std::size_t>(word, 1);
        const char mark = mark_of(word, rest);
        const auto value = mark == '\0' ? std::nullopt : value_at(rest, mark);
        if (value) {
            text += mark;
            out.own += as_text(value->bytes);
            taken = value->length;
        } else if (rest.substr(0, word) == id.view()) {
            text += event_mark;
        } else if (rest.substr(0, word) == second.view()) {
            text += second_mark;
        } else {
            text += is_mark(rest.front()) ? " " : rest.substr(0, taken);
        }
        rest.remove_prefix(taken);
    }
    for (std::size_t i = 0; i < head.size(); ++i)
        if (is_mark(text[i])) text[i] = ' ';
    out.form.reset(new RequestForm{std::move(text), head.size()});
    return out;
}

std::shared_ptr<const RequestForm> RequestForm::plain(std::string_view text) {
    return split(text, {}, {}).form;
}

// Most attempts have the form of the one before, and are taken here, character by character.
bool RequestForm::take(std::string_view lines, const Place& place, std::string& own) const {
    const auto id = place.event.short_text();
    const auto second = second_of(place.started_at);
    std::string bytes;
    std::size_t at = 0;
    const auto take_text = [&](std::string_view text) {
        if (lines.substr(at, text.size()) != text) return false;
        at += text.size();
        return true;
    };
    for (const char c : std::string_view{text_}.substr(head_bytes_)) {
        if (!is_mark(c)) {
            if (at == lines.size() || lines[at] != c) return false;
            ++at;
        } else if (c == event_mark || c == second_mark) {
            if (!take_text(c == event_mark ? id.view() : second.view())) return false;
        } else {
            const auto value = value_at(lines.substr(at), c);
            if (!value) return false;
            bytes += as_text(value->bytes);
            at += value->length;
        }
    }
    if (at != lines.size()) return false;
    own = std::move(bytes);
    return true;
}

Result<std::string> RequestForm::join(std::string_view text, const Place& place, ByteView own) {
    std::string out;
    out.reserve(text.size() + 128);
    for (const char c : text) {
        if (!is_mark(c)) {
            out += c;
        } else if (c == event_mark) {
            out += place.event.short_text().view();
        } else if (c == second_mark) {
            out += second_of(place.started_at).view();
        } else {
            const std::size_t count = c == base64_of_64 ? 64 : 32;
            if (own.size() < count)
                return fail(Errc::corrupt, "the stored bytes of a request are cut");
            const ByteView bytes = own.first(count);
            out += c == hex_of_32 ? to_hex(bytes) : to_base64(bytes);
            own = own.subspan(count);
        }
    }
    if (!own.empty()) return fail(Errc::corrupt, "a request has more bytes than its form");
    return out;
}

}  // namespace blotter
