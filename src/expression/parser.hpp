#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "expression/ast.hpp"
#include "expression/lexer.hpp"

namespace blotter::expression {

/// Reads the grammar of CEL (langdef, "Syntax") into a tree of nodes inside `compiled`, whose
/// source is valid UTF-8 within its limit. Names and macros are left for the resolver. Total: what
/// is nested too deep, too long or unknown is a failure with its place.
class Parser {
  public:
    explicit Parser(Compiled& compiled) : compiled_(compiled), lexer_(compiled.source) {}
    Result<Node*> parse();

  private:
    // Each returns null after the first failure, which `error_` keeps.
    Node* expression();
    Node* conditional();
    Node* binary(int precedence_min);
    Node* unary();
    Node* repeated(Op op);
    Node* member();
    Node* after_dot(Node* of);
    Node* index(Node* of);
    Node* primary();
    Node* name(std::uint32_t begin);
    Node* number();
    Node* string();
    Node* parentheses();
    Node* list();
    Node* map();
    bool arguments(Node* call, std::string_view closing);

    /// The sub-expression from args to the last token taken.
    Node* make(Op op, std::uint32_t begin, std::span<Node* const> args);
    bool adopt(Node* parent, Node* child);
    void advance();
    bool at(std::string_view symbol) const;
    bool take(std::string_view symbol);
    bool expect(std::string_view symbol, std::string_view purpose);
    std::nullptr_t refuse(std::size_t offset, std::string_view message);
    std::nullptr_t refuse_token(std::string_view expected);

    Compiled& compiled_;
    Lexer lexer_;
    Token token_{};
    std::uint32_t last_end_ = 0;
    std::size_t nesting_ = 0;
    std::optional<Error> error_;
};

}  // namespace blotter::expression
