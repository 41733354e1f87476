#include "expression/lexer.hpp"

#include <algorithm>
#include <array>

namespace blotter::expression {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_quote(char c) {
    return c == '"' || c == '\'';
}

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void append_character(std::string& out, std::uint32_t point) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
        put(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            put(0xe0 | point >> 12);
        } else {
            put(0xf0 | point >> 18);
            put(0x80 | (point >> 12 & 0x3f));
        }
        put(0x80 | (point >> 6 & 0x3f));
    }
    put(0x80 | (point & 0x3f));
}

/// Reads what follows a backslash. Returns how many characters it took, 0 when it is no escape.
std::size_t read_escape(std::string_view rest, std::string& out) {
    constexpr std::string_view letters = "abfnrtv\\?\"'`";
    constexpr std::string_view values = "\a\b\f\n\r\t\v\\?\"'`";
    if (rest.empty()) return 0;
    if (const std::size_t index = letters.find(rest[0]); index != std::string_view::npos) {
        out += values[index];
        return 1;
    }
    std::uint32_t point = 0;
    if (rest[0] >= '0' && rest[0] <= '3') {
        if (rest.size() < 3) return 0;
        for (const char c : rest.substr(0, 3)) {
            if (c < '0' || c > '7') return 0;
            point = point * 8 + static_cast<std::uint32_t>(c - '0');
        }
        append_character(out, point);
        return 3;
    }
    const std::size_t digits = rest[0] == 'x' || rest[0] == 'X' ? 2
                               : rest[0] == 'u'                 ? 4
                               : rest[0] == 'U'                 ? 8
                                                                : 0;
    if (digits == 0 || rest.size() <= digits) return 0;
    for (const char c : rest.substr(1, digits)) {
        if (hex_value(c) < 0) return 0;
        point = point << 4 | static_cast<std::uint32_t>(hex_value(c));
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return 0;
    append_character(out, point);
    return digits + 1;
}

}  // namespace

bool is_keyword(std::string_view word) {
    return word == "false" || word == "in" || word == "null" || word == "true";
}

bool is_reserved(std::string_view word) {
    constexpr std::array<std::string_view, 17> words{
        "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
        "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};
    return std::find(words.begin(), words.end(), word) != words.end();
}

char Lexer::peek(std::size_t ahead) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
}

Token Lexer::token(TokenKind kind, std::uint32_t begin) const {
    return {kind, begin, at_, source_.substr(begin, at_ - begin)};
}

Token Lexer::invalid(std::uint32_t begin, std::string_view why) const {
    return {TokenKind::invalid, begin, at_, why};
}

void Lexer::skip_space() {
    while (at_ < source_.size()) {
        if (std::string_view{" \t\n\f\r"}.contains(source_[at_])) {
            ++at_;
        } else if (source_.substr(at_).starts_with("//")) {
            at_ = static_cast<std::uint32_t>(std::min(source_.find('\n', at_), source_.size()));
        } else {
            return;
        }
    }
}

Token Lexer::next() {
    skip_space();
    if (at_ >= source_.size()) return token(TokenKind::end, at_);
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_letter(c)) return word();
    if (is_quote(c)) return string(at_, at_);
    if (c == '`') return quoted_identifier();
    return symbol();
}

Token Lexer::number() {
    const std::uint32_t begin = at_;
    const auto digits = [&] {
        while (is_digit(peek())) ++at_;
    };
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
        at_ += 2;
        while (hex_value(peek()) >= 0) ++at_;
        if (at_ == begin + 2) return invalid(begin, "digits must follow 0x");
    } else {
        digits();
        if (peek() == '.' && is_digit(peek(1))) {
            ++at_;
            digits();
        }
        const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
        if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
            at_ += static_cast<std::uint32_t>(1 + sign);
            digits();
        }
    }
    if (is_letter(peek())) {
        const bool is_unsigned = (peek() == 'u' || peek() == 'U') && !is_letter(peek(1));
        return invalid(at_, is_unsigned ? "there is one kind of number here, without the suffix u"
                                        : "an operator must stand between a number and a name");
    }
    return token(TokenKind::number, begin);
}

Token Lexer::word() {
    const std::uint32_t begin = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    if (!is_quote(peek())) return token(TokenKind::identifier, begin);
    const std::string_view prefix = source_.substr(begin, at_ - begin);
    if (prefix == "r" || prefix == "R") return string(begin, at_);
    return invalid(begin, prefix == "b" || prefix == "B" || prefix == "rb" || prefix == "br"
                              ? "there are no byte strings here; write the text without b"
                              : "a string may only be prefixed with r");
}

Token Lexer::string(std::uint32_t begin, std::uint32_t quote_at) {
    const bool raw = begin != quote_at;
    at_ = quote_at;
    const char quote = peek();
    const std::size_t width = peek(1) == quote && peek(2) == quote ? 3 : 1;
    const std::string_view closing = source_.substr(quote_at, width);
    at_ += static_cast<std::uint32_t>(width);
    while (at_ < source_.size()) {
        if (source_.substr(at_).starts_with(closing)) {
            at_ += static_cast<std::uint32_t>(width);
            return token(TokenKind::string, begin);
        }
        if (width == 1 && (peek() == '\n' || peek() == '\r')) break;
        at_ += !raw && peek() == '\\' ? 2 : 1;
    }
    at_ = static_cast<std::uint32_t>(std::min<std::size_t>(at_, source_.size()));
    return invalid(begin, "the string is not closed on its line");
}

Token Lexer::quoted_identifier() {
    const std::uint32_t begin = at_++;
    while (is_letter(peek()) || is_digit(peek()) ||
           (peek() != '\0' && std::string_view{"-./ "}.contains(peek())))
        ++at_;
    if (peek() != '`' || at_ == begin + 1)
        return invalid(begin, "between ` and ` stand letters, digits, spaces and _ - . /");
    ++at_;
    return {TokenKind::quoted_identifier, begin, at_, source_.substr(begin + 1, at_ - begin - 2)};
}

Token Lexer::symbol() {
    constexpr std::array<std::string_view, 24> symbols{
        "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*",
        "/",  "%",  "?",  ":",  ".",  ",",  "(", ")", "[", "]", "{", "}"};
    const std::uint32_t begin = at_;
    for (const std::string_view symbol : symbols) {
        if (!source_.substr(at_).starts_with(symbol)) continue;
        at_ += static_cast<std::uint32_t>(symbol.size());
        return token(TokenKind::symbol, begin);
    }
    const char c = peek();
    ++at_;
    switch (c) {
        case '=':
            return invalid(begin, "a comparison is written ==");
        case '&':
            return invalid(begin, "'and' is written &&");
        case '|':
            return invalid(begin, "'or' is written ||");
        default:
            return invalid(begin, "this character has no meaning outside a string");
    }
}

DecodedString decode_string(std::string_view token) {
    DecodedString out;
    const std::size_t prefix = is_quote(token[0]) ? 0 : 1;
    const std::size_t width = token.size() >= prefix + 6 && token[prefix + 1] == token[prefix] &&
                                      token[prefix + 2] == token[prefix]
                                  ? 3
                                  : 1;
    const std::string_view body = token.substr(prefix + width, token.size() - prefix - 2 * width);
    if (prefix == 1) {
        out.value = body;
        return out;
    }
    for (std::size_t i = 0; i < body.size(); ++i) {
        if (body[i] != '\\') {
            out.value += body[i];
            continue;
        }
        const std::size_t taken = read_escape(body.substr(i + 1), out.value);
        if (taken == 0) {
            out.problem =
                "not an escape; \\n \\t \\\\ \\\" \\' \\xHH \\uHHHH and \\UHHHHHHHH are some of "
                "them";
            out.at = prefix + width + i;
            return out;
        }
        i += taken;
    }
    return out;
}

}  // namespace blotter::expression
