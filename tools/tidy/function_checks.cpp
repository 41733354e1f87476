#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tidy/checks.hpp"
#include "tidy/source.hpp"

namespace blotter::tidy {
namespace {

constexpr std::size_t function_lines_max = 70;
constexpr std::size_t npos = std::string_view::npos;

// Blanks out preprocessor lines with their continuations: macros may hold half a block.
std::string without_directives(std::string_view code, std::string_view text) {
    std::string out{code};
    bool continued = false;
    for (std::size_t start = 0; start < out.size();) {
        const std::size_t end = std::min(out.find('\n', start), out.size());
        const std::size_t first = out.find_first_not_of(' ', start);
        const bool directive = continued || (first < end && out[first] == '#');
        continued = directive && end > start && text[end - 1] == '\\';
        if (directive) std::fill(out.begin() + start, out.begin() + end, ' ');
        start = end + 1;
    }
    return out;
}

std::string_view trimmed_end(std::string_view text) {
    const std::size_t last = text.find_last_not_of(" \n");
    return last == npos ? std::string_view{} : text.substr(0, last + 1);
}

// The last place of any of the words that open a type.
std::size_t last_type_word(std::string_view statement) {
    std::size_t last = npos;
    for (const std::string_view word : {"class", "struct", "union"})
        for (std::size_t at = find_word(statement, word); at != npos;
             at = find_word(statement, word, at + 1))
            last = last == npos ? at : std::max(last, at);
    return last;
}

// `Type(int a) : member_{a}`: a lone colon behind the parameters, and a name before the brace.
bool is_member_initialiser(std::string_view statement) {
    const std::string_view head = trimmed_end(statement);
    if (head.empty() || !(is_identifier_char(head.back()) || head.back() == '>')) return false;
    for (std::size_t at = head.find(')'); at < head.size(); ++at) {
        if (head[at] != ':') continue;
        const bool scope = (at + 1 < head.size() && head[at + 1] == ':') || head[at - 1] == ':';
        if (!scope) return true;
    }
    return false;
}

enum class Block { scope, function, values, member_initialiser };

// What the brace behind `statement` opens, at namespace or class level.
Block kind_of(std::string_view statement) {
    const std::string_view head = trimmed_end(statement);
    const std::size_t close = head.rfind(')');
    if (find_word(head, "enum") != npos && close == npos) return Block::values;
    if (find_word(head, "namespace") != npos || (close == npos && head.starts_with("extern")))
        return Block::scope;
    const std::size_t type = last_type_word(head);
    if (type != npos && (close == npos || type > close || find_word(head, "alignas") != npos))
        return Block::scope;
    if (close == npos || head.ends_with('=') || head.ends_with(',')) return Block::values;
    return is_member_initialiser(head) ? Block::member_initialiser : Block::function;
}

// `name` of `Result<> Type::name(int a) const`.
std::string name_of(std::string_view statement) {
    const std::size_t paren = statement.find('(');
    std::size_t start = trimmed_end(statement.substr(0, paren)).size();
    const std::size_t end = start;
    while (start > 0 && (is_identifier_char(statement[start - 1]) ||
                         std::string_view{":~"}.contains(statement[start - 1])))
        --start;
    return std::string{statement.substr(start, end - start)};
}

// Walks over namespaces and types and measures the functions in them.
class FunctionLengths {
  public:
    FunctionLengths(const File& file, const Source& source, std::vector<Finding>& out)
        : file_(file),
          source_(source),
          code_(without_directives(source.code, file.text)),
          out_(out) {}

    void run() {
        for (std::size_t at = 0; at < code_.size(); ++at) {
            const char c = code_[at];
            if (c == '{')
                at = open(at);
            else if (c == ';' || c == '}')
                statement_ = at + 1;
            else if (c == '(')
                at = std::min(find_close(code_, at), code_.size());
        }
    }

  private:
    // Takes the brace at `at`; returns where to go on.
    std::size_t open(std::size_t at) {
        const std::string_view statement =
            std::string_view{code_}.substr(statement_, at - statement_);
        const Block kind = kind_of(statement);
        if (kind == Block::scope) {
            statement_ = at + 1;
            return at;
        }
        const std::size_t close = std::min(find_close(code_, at), code_.size());
        if (kind == Block::function) measure(statement, at, close);
        // A brace behind member initialisers or values goes on with the same statement.
        if (kind == Block::function) statement_ = close + 1;
        return close;
    }

    void measure(std::string_view statement, std::size_t open, std::size_t close) {
        const std::size_t first = source_.line_at(open);
        const std::size_t lines = source_.line_at(close) - first + 1;
        if (lines <= function_lines_max) return;
        out_.push_back({file_.path, first,
                        fmt::format("{} has {} lines, at most {}; take a step out of it",
                                    name_of(statement), lines, function_lines_max)});
    }

    const File& file_;
    const Source& source_;
    std::string code_;
    std::vector<Finding>& out_;
    std::size_t statement_ = 0;
};

bool has_word(std::string_view code, std::string_view word) {
    return find_word(code, word) != npos;
}

// The part of a bracketed head that decides: all of it, but for a classic `for` only what follows
// the first semicolon, and nothing of a range-for.
std::string_view deciding_part(std::string_view keyword, std::string_view inside) {
    if (keyword != "for") return inside;
    const std::size_t semicolon = inside.find(';');
    return semicolon == npos ? std::string_view{} : inside.substr(semicolon);
}

void check_awaits(const File& file, const Source& source, std::vector<Finding>& out) {
    const std::string_view code = source.code;
    const auto add = [&](std::size_t at) {
        const Finding found{file.path, source.line_at(at),
                            "co_await inside a condition; give the value a name first"};
        if (std::ranges::find(out, found) == out.end()) out.push_back(found);
    };
    for (const std::string_view keyword : {"if", "while", "switch", "for"}) {
        for (std::size_t at = find_word(code, keyword); at != npos;
             at = find_word(code, keyword, at + 1)) {
            const std::size_t open = code.find_first_not_of(" \n", at + keyword.size());
            if (open == npos || code[open] != '(') continue;
            const std::size_t close = std::min(find_close(code, open), code.size());
            const auto inside = deciding_part(keyword, code.substr(open + 1, close - open - 1));
            if (has_word(inside, "co_await")) add(at);
        }
    }
    for (std::size_t at = find_word(code, "co_await"); at != npos;
         at = find_word(code, "co_await", at + 1)) {
        const std::string_view before = trimmed_end(code.substr(0, at));
        const bool operand = before.ends_with("&&") || before.ends_with("||") ||
                             before.ends_with('?') || before.ends_with('!');
        if (operand) add(at);
    }
}

}  // namespace

std::vector<Finding> check_functions(const std::vector<File>& files) {
    std::vector<Finding> findings;
    for (const File& file : files) {
        if (!file.path.ends_with(".cpp") && !is_header(file.path)) continue;
        const Source source{file.text};
        FunctionLengths{file, source, findings}.run();
        check_awaits(file, source, findings);
    }
    return findings;
}

}  // namespace blotter::tidy
