#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace blotter::expression {

enum class TokenKind : std::uint8_t {
    end,
    identifier,
    quoted_identifier,  ///< `content-type`, only after a dot
    number,
    string,
    symbol,   ///< an operator or bracket
    invalid,  ///< `text` is what is wrong
};

struct Token {
    TokenKind kind = TokenKind::end;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::string_view text{};  ///< as written; for a quoted identifier without the quotes
};

/// Splits a source into tokens, one at a time. The source is valid UTF-8 and outlives the tokens.
class Lexer {
  public:
    explicit Lexer(std::string_view source) : source_(source) {}
    Token next();

  private:
    void skip_space();
    Token number();
    Token word();
    Token string(std::uint32_t begin, std::uint32_t quote_at);
    Token quoted_identifier();
    Token symbol();
    Token token(TokenKind kind, std::uint32_t begin) const;
    Token invalid(std::uint32_t begin, std::string_view why) const;
    char peek(std::size_t ahead = 0) const;

    std::string_view source_;
    std::uint32_t at_ = 0;
};

/// What a string token stands for. On failure `problem` is not empty and `at` is the offset of the
/// bad escape within the token.
struct DecodedString {
    std::string value{};
    std::string_view problem{};
    std::size_t at = 0;
};
DecodedString decode_string(std::string_view token);

bool is_keyword(std::string_view word);   ///< false in null true
bool is_reserved(std::string_view word);  ///< as break const … : no variable or function name

}  // namespace blotter::expression
