#include "expression/parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "expression/diagnostic.hpp"

namespace blotter::expression {
namespace {

struct Operator {
    std::string_view symbol;
    Op op;
    int precedence;
};

constexpr int precedence_relation = 3;
constexpr std::array<Operator, 14> operators{{{"||", Op::or_, 1},
                                              {"&&", Op::and_, 2},
                                              {"==", Op::equal, precedence_relation},
                                              {"!=", Op::not_equal, precedence_relation},
                                              {"<", Op::less, precedence_relation},
                                              {"<=", Op::less_equal, precedence_relation},
                                              {">", Op::greater, precedence_relation},
                                              {">=", Op::greater_equal, precedence_relation},
                                              {"in", Op::in, precedence_relation},
                                              {"+", Op::add, 4},
                                              {"-", Op::subtract, 4},
                                              {"*", Op::multiply, 5},
                                              {"/", Op::divide, 5},
                                              {"%", Op::remainder, 5}}};

const Operator* operator_of(const Token& token) {
    if (token.kind != TokenKind::symbol && token.text != "in") return nullptr;
    if (token.kind == TokenKind::string || token.kind == TokenKind::quoted_identifier)
        return nullptr;
    for (const Operator& known : operators)
        if (known.symbol == token.text) return &known;
    return nullptr;
}

/// Counts one level of recursion for as long as it lives.
class Level {
  public:
    explicit Level(std::size_t& count) : count_(count) { ++count_; }
    ~Level() { --count_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

  private:
    std::size_t& count_;
};

std::string described(const Token& token) {
    switch (token.kind) {
        case TokenKind::end:
            return "the end of the expression";
        case TokenKind::string:
            return "a string";
        default:
            return fmt::format("'{}'", token.text.substr(0, 40));
    }
}

/// Digits as the language writes them (".5", "007", "0x1F") as a number.
Result<Decimal> number_of(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) {
        std::uint64_t value = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + 2, end, value, 16);
        if (error != std::errc{} || stop != end)
            return fail(Errc::invalid_argument, "a hexadecimal number has at most 16 digits");
        return Decimal::parse(std::to_string(value));
    }
    while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9')
        text.remove_prefix(1);
    return Decimal::parse(text[0] == '.' ? "0" + std::string{text} : std::string{text});
}

}  // namespace

std::string_view symbol_of(Op op) {
    for (const Operator& known : operators)
        if (known.op == op) return known.symbol;
    if (op == Op::not_) return "!";
    return op == Op::negate ? "-" : "";
}

std::nullptr_t Parser::refuse(std::size_t offset, std::string_view message) {
    if (!error_) error_ = error_at(compiled_.source, offset, message);
    return nullptr;
}

std::nullptr_t Parser::refuse_token(std::string_view expected) {
    return refuse(token_.begin, fmt::format("expected {}, found {}", expected, described(token_)));
}

void Parser::advance() {
    last_end_ = token_.end;
    token_ = lexer_.next();
    if (token_.kind != TokenKind::invalid) return;
    refuse(token_.begin, token_.text);
    token_ = Token{TokenKind::end, token_.begin, token_.begin, {}};
}

bool Parser::at(std::string_view symbol) const {
    return token_.kind == TokenKind::symbol && token_.text == symbol;
}

bool Parser::take(std::string_view symbol) {
    if (!at(symbol)) return false;
    advance();
    return true;
}

bool Parser::expect(std::string_view symbol, std::string_view purpose) {
    if (take(symbol)) return !error_;
    refuse_token(fmt::format("'{}' {}", symbol, purpose));
    return false;
}

Node* Parser::make(Op op, std::uint32_t begin, std::span<Node* const> args) {
    if (error_) return nullptr;
    if (compiled_.nodes.size() >= compiled_.limits.nodes_max)
        return refuse(begin, fmt::format("the expression has more than {} parts",
                                         compiled_.limits.nodes_max));
    Node& node = compiled_.nodes.emplace_back();
    node.op = op;
    node.begin = begin;
    node.at = begin;
    node.end = last_end_;
    for (Node* arg : args)
        if (!adopt(&node, arg)) return nullptr;
    return &node;
}

bool Parser::adopt(Node* parent, Node* child) {
    if (child == nullptr) return false;
    if (child->depth >= compiled_.limits.depth_max) {
        refuse(child->at, fmt::format("nested deeper than {} levels, or a longer chain of "
                                      "operators; split it with parentheses or lists",
                                      compiled_.limits.depth_max));
        return false;
    }
    parent->depth = std::max<std::uint16_t>(parent->depth, child->depth + 1);
    parent->args.push_back(child);
    parent->end = last_end_;
    return true;
}

Result<Node*> Parser::parse() {
    advance();
    Node* root = expression();
    if (root != nullptr && token_.kind != TokenKind::end)
        refuse_token("an operator or the end of the expression");
    if (error_) return pass(std::move(*error_));
    return root;
}

Node* Parser::expression() {
    const Level level{nesting_};
    if (nesting_ > compiled_.limits.depth_max)
        return refuse(token_.begin,
                      fmt::format("nested deeper than {} levels", compiled_.limits.depth_max));
    return conditional();
}

Node* Parser::conditional() {
    Node* condition = binary(1);
    const std::uint32_t at = token_.begin;
    if (condition == nullptr || !take("?")) return condition;
    Node* yes = binary(1);
    if (yes == nullptr || !expect(":", "between the two results of ?")) return nullptr;
    Node* no = expression();
    if (no == nullptr) return nullptr;
    Node* out = make(Op::conditional, condition->begin, std::array{condition, yes, no});
    if (out != nullptr) out->at = at;
    return out;
}

Node* Parser::binary(int precedence_min) {
    Node* left = unary();
    while (left != nullptr) {
        const Operator* found = operator_of(token_);
        if (found == nullptr || found->precedence < precedence_min) break;
        const std::uint32_t at = token_.begin;
        advance();
        Node* right = binary(found->precedence + 1);
        if (right == nullptr) return nullptr;
        const bool chained =
            left->op == found->op && (found->op == Op::and_ || found->op == Op::or_);
        // Long lists of alternatives are common in filters, so they are one node, not a deep tree.
        if (chained) {
            if (!adopt(left, right)) return nullptr;
            continue;
        }
        left = make(found->op, left->begin, std::array{left, right});
        if (left != nullptr) left->at = at;
    }
    return left;
}

Node* Parser::unary() {
    if (at("!")) return repeated(Op::not_);
    if (at("-")) return repeated(Op::negate);
    return member();
}

Node* Parser::repeated(Op op) {
    std::vector<std::uint32_t> begins;
    while (at(symbol_of(op))) {
        if (begins.size() >= compiled_.limits.depth_max)
            return refuse(token_.begin, fmt::format("more than {} operators in a row",
                                                    compiled_.limits.depth_max));
        begins.push_back(token_.begin);
        advance();
    }
    Node* node = member();
    for (auto begin = begins.rbegin(); node != nullptr && begin != begins.rend(); ++begin)
        node = make(op, *begin, std::array{node});
    return node;
}

Node* Parser::member() {
    Node* node = primary();
    while (node != nullptr) {
        if (at("."))
            node = after_dot(node);
        else if (at("["))
            node = index(node);
        else if (at("{") && (node->op == Op::name || node->op == Op::select))
            return refuse(token_.begin,
                          "messages cannot be made here; write a map: {\"key\": value}");
        else
            break;
    }
    return node;
}

Node* Parser::after_dot(Node* of) {
    advance();
    const Token field = token_;
    const bool quoted = field.kind == TokenKind::quoted_identifier;
    if (!quoted && (field.kind != TokenKind::identifier || is_keyword(field.text)))
        return refuse_token("a field name after '.'");
    advance();
    const bool is_call = !quoted && at("(");
    Node* node = make(is_call ? Op::call : Op::select, of->begin, std::array{of});
    if (node == nullptr) return nullptr;
    node->name = field.text;
    node->at = field.begin;
    if (!is_call) return node;
    node->style = CallStyle::method;
    advance();
    return arguments(node, ")") ? node : nullptr;
}

Node* Parser::index(Node* of) {
    const std::uint32_t at = token_.begin;
    advance();
    Node* key = expression();
    if (key == nullptr || !expect("]", "after the index")) return nullptr;
    Node* node = make(Op::index, of->begin, std::array{of, key});
    if (node != nullptr) node->at = at;
    return node;
}

Node* Parser::primary() {
    const std::uint32_t begin = token_.begin;
    switch (token_.kind) {
        case TokenKind::number:
            return number();
        case TokenKind::string:
            return string();
        case TokenKind::identifier:
            return name(begin);
        case TokenKind::symbol:
            if (at("(")) return parentheses();
            if (at("[")) return list();
            if (at("{")) return map();
            if (take(".")) return name(begin);
            break;
        default:
            break;
    }
    return refuse_token("a value, a name or '('");
}

Node* Parser::name(std::uint32_t begin) {
    const Token word = token_;
    const bool rooted = begin != word.begin;
    if (word.kind != TokenKind::identifier) return refuse_token("a name after '.'");
    const bool keyword = is_keyword(word.text);
    if (word.text == "in" || (keyword && rooted)) return refuse_token("a value, a name or '('");
    if (is_reserved(word.text))
        return refuse(word.begin,
                      fmt::format("'{}' is a reserved word and cannot be a name", word.text));
    advance();
    const bool is_call = !keyword && at("(");
    Node* node = make(keyword ? Op::literal : is_call ? Op::call : Op::name, begin, {});
    if (node == nullptr) return nullptr;
    node->name = word.text;
    node->at = word.begin;
    node->rooted = rooted;
    if (keyword && word.text != "null") node->literal = word.text == "true";
    if (!is_call) return node;
    advance();
    return arguments(node, ")") ? node : nullptr;
}

bool Parser::arguments(Node* call, std::string_view closing) {
    while (!at(closing)) {
        if (!adopt(call, expression())) return false;
        if (!at(closing) && !expect(",", fmt::format("or '{}'", closing))) return false;
        // A comma at the end is allowed in a list, not in a call.
        if (closing == ")" && at(closing)) {
            if (compiled_.source[last_end_ - 1] != ',') break;
            refuse_token("another argument");
            return false;
        }
    }
    advance();
    call->end = last_end_;
    return !error_;
}

Node* Parser::number() {
    const Token token = token_;
    const auto value = number_of(token.text);
    if (!value) return refuse(token.begin, value.error().detail);
    advance();
    Node* node = make(Op::literal, token.begin, {});
    if (node != nullptr) node->literal = *value;
    return node;
}

Node* Parser::string() {
    const Token token = token_;
    const DecodedString decoded = decode_string(token.text);
    if (!decoded.problem.empty()) return refuse(token.begin + decoded.at, decoded.problem);
    advance();
    Node* node = make(Op::literal, token.begin, {});
    if (node == nullptr) return nullptr;
    const std::span<char> kept = compiled_.constants.chars(decoded.value.size());
    if (kept.size() < decoded.value.size())
        return refuse(token.begin, "the constants of the expression take too much memory");
    std::copy(decoded.value.begin(), decoded.value.end(), kept.begin());
    node->literal = std::string_view{kept.data(), kept.size()};
    return node;
}

Node* Parser::parentheses() {
    const std::uint32_t begin = token_.begin;
    advance();
    Node* inner = expression();
    if (inner == nullptr || !expect(")", "to close '('")) return nullptr;
    // The text of a part includes its parentheses, so that a larger part is cut out whole.
    inner->begin = begin;
    inner->end = last_end_;
    return inner;
}

Node* Parser::list() {
    const std::uint32_t begin = token_.begin;
    advance();
    Node* node = make(Op::list, begin, {});
    if (node == nullptr || !arguments(node, "]")) return nullptr;
    return node;
}

Node* Parser::map() {
    const std::uint32_t begin = token_.begin;
    advance();
    Node* node = make(Op::map, begin, {});
    while (node != nullptr && !at("}")) {
        if (!adopt(node, expression()) || !expect(":", "between a key and its value") ||
            !adopt(node, expression()))
            return nullptr;
        if (!at("}") && !expect(",", "or '}'")) return nullptr;
    }
    advance();
    if (node != nullptr) node->end = last_end_;
    return error_ ? nullptr : node;
}

}  // namespace blotter::expression
