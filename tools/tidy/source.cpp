#include "tidy/source.hpp"

#include <algorithm>

namespace blotter::tidy {
namespace {

// Walks over the text once and copies each character to the view it belongs to.
class Splitter {
  public:
    Splitter(std::string_view text, Source& out) : text_(text), out_(out) {}

    void run() {
        while (at_ < text_.size()) {
            if (starts("//"))
                take_comment(text_.find('\n', at_));
            else if (starts("/*"))
                take_comment(end_of("*/"));
            else if (is_raw_string())
                take_raw_string();
            else if (text_[at_] == '"')
                take_quoted('"');
            else if (text_[at_] == '\'' && !is_digit_separator())
                take_quoted('\'');
            else
                take_code();
        }
    }

  private:
    bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    std::size_t end_of(std::string_view what) const {
        const std::size_t found = text_.find(what, at_ + 2);
        return found == std::string_view::npos ? found : found + what.size();
    }

    void take_code() {
        if (text_[at_] != '\n') out_.code[at_] = text_[at_];
        ++at_;
    }

    void take_comment(std::size_t end) {
        for (end = std::min(end, text_.size()); at_ < end; ++at_)
            if (text_[at_] != '\n') out_.comments[at_] = text_[at_];
    }

    bool is_raw_string() const {
        return starts("R\"") && (at_ == 0 || !is_identifier_char(text_[at_ - 1]) ||
                                 text_[at_ - 1] == '8' || text_[at_ - 1] == 'u');
    }

    void take_raw_string() {
        const std::size_t paren = text_.find('(', at_);
        if (paren == std::string_view::npos) return take_code();
        const std::string close = ")" + std::string{text_.substr(at_ + 2, paren - at_ - 2)} + "\"";
        std::size_t end = text_.find(close, paren);
        end = end == std::string_view::npos ? text_.size() : end + close.size();
        out_.code[at_ + 1] = '"';
        out_.code[end - 1] = '"';
        for (; at_ < end; ++at_) out_.raw_strings[at_] = 'r';
    }

    // 1'000: a quote between two digits or letters of a number.
    bool is_digit_separator() const {
        return at_ > 0 && at_ + 1 < text_.size() && is_identifier_char(text_[at_ - 1]) &&
               is_identifier_char(text_[at_ + 1]) && !is_prefixed_character();
    }
    // u8'x' and L'x' look like a separator, but begin with a letter.
    bool is_prefixed_character() const {
        std::size_t start = at_;
        while (start > 0 && (is_identifier_char(text_[start - 1]) || text_[start - 1] == '\''))
            --start;
        return text_[start] < '0' || text_[start] > '9';
    }

    void take_quoted(char quote) {
        out_.code[at_++] = quote;
        while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n')
            at_ += text_[at_] == '\\' ? 2 : 1;
        if (at_ < text_.size() && text_[at_] == quote) out_.code[at_++] = quote;
    }

    std::string_view text_;
    Source& out_;
    std::size_t at_ = 0;
};

}  // namespace

bool is_identifier_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

Source::Source(std::string_view text)
    : code(text.size(), ' '), comments(text.size(), ' '), raw_strings(text.size(), ' ') {
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\n') continue;
        code[i] = comments[i] = raw_strings[i] = '\n';
        line_starts_.push_back(i + 1);
    }
    Splitter{text, *this}.run();
}

std::size_t Source::line_at(std::size_t offset) const {
    const auto after = std::ranges::upper_bound(line_starts_, offset);
    return static_cast<std::size_t>(after - line_starts_.begin());
}

std::size_t find_word(std::string_view code, std::string_view word, std::size_t from) {
    for (std::size_t at = code.find(word, from); at != std::string_view::npos;
         at = code.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool runs_on_before =
            at > 0 && is_identifier_char(word.front()) && is_identifier_char(code[at - 1]);
        const bool runs_on_after =
            end < code.size() && is_identifier_char(word.back()) && is_identifier_char(code[end]);
        if (!runs_on_before && !runs_on_after) return at;
    }
    return std::string_view::npos;
}

std::size_t find_close(std::string_view code, std::size_t open) {
    const char opening = code[open];
    const char closing = opening == '(' ? ')' : opening == '{' ? '}' : ']';
    std::size_t depth = 0;
    for (std::size_t at = open; at < code.size(); ++at) {
        if (code[at] == opening) ++depth;
        if (code[at] == closing && --depth == 0) return at;
    }
    return std::string_view::npos;
}

}  // namespace blotter::tidy
