#include <cstring>
#include <string>

#include <fmt/format.h>

#include "expression/builtins.hpp"
#include "expression/evaluator.hpp"

namespace blotter::expression {
namespace {

using Args = std::span<const View>;

constexpr auto npos = std::string_view::npos;

std::string_view str(const View& view) {
    return *view.as_string();
}

bool begins_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

std::size_t characters_in(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += begins_character(c) ? 1 : 0;
    return count;
}

/// The byte offset of a character; the size for the one after the last, npos beyond it.
std::size_t offset_of_character(std::string_view text, std::size_t index) {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (begins_character(text[i]) && index-- == 0) return i;
    return index == 0 ? text.size() : npos;
}

/// memmem is linear in glibc (two-way search); std::string_view::find is quadratic at worst.
std::size_t find_in(std::string_view text, std::string_view wanted, std::size_t from = 0) {
    if (from > text.size()) return npos;
    if (wanted.empty()) return from;
    const void* found =
        ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
    return found == nullptr
               ? npos
               : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// Steps for looking at all the text among the arguments.
bool charge_all(Evaluator& evaluator, Args args) {
    std::size_t bytes = 0;
    for (const View& arg : args)
        if (arg.as_string() != nullptr) bytes += arg.as_string()->size();
    return evaluator.charge_bytes(bytes);
}

/// The whole number an argument holds, within 0 and `max`; without a value when it does not.
std::optional<std::size_t> whole(const View& view, std::size_t max) {
    const auto number = view.as_decimal()->to_int64();
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) > max) return std::nullopt;
    return static_cast<std::size_t>(*number);
}

View size(Evaluator& evaluator, const Node& node, Args args) {
    if (const ListView* list = args[0].as_list()) return View::whole(list->size());
    if (const MapView* map = args[0].as_map()) return View::whole(map->size());
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    return View::whole(characters_in(str(args[0])));
}

View contains(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    return find_in(str(args[0]), str(args[1])) != npos;
}

View starts_with(Evaluator& evaluator, const Node& node, Args args) {
    if (!evaluator.charge_bytes(str(args[1]).size())) return evaluator.out_of_steps(node);
    return str(args[0]).starts_with(str(args[1]));
}

View ends_with(Evaluator& evaluator, const Node& node, Args args) {
    if (!evaluator.charge_bytes(str(args[1]).size())) return evaluator.out_of_steps(node);
    return str(args[0]).ends_with(str(args[1]));
}

View matches_pattern(Evaluator& evaluator, const Node& node, Args args) {
    // An automaton step per byte costs more than comparing bytes, the more so without its cache.
    if (!evaluator.charge_bytes(str(args[0]).size() * 16)) return evaluator.out_of_steps(node);
    return evaluator.compiled().patterns[node.slot]->found_in(str(args[0]));
}

View mapped(Evaluator& evaluator, const Node& node, std::string_view text, char (*change)(char)) {
    if (text.size() > evaluator.compiled().limits.string_bytes_max)
        return evaluator.over_limit(node, "string", evaluator.compiled().limits.string_bytes_max);
    std::string out{text};
    for (char& c : out) c = change(c);
    return evaluator.text(node, out);
}

View lower_ascii(Evaluator& evaluator, const Node& node, Args args) {
    return mapped(evaluator, node, str(args[0]), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
}

View upper_ascii(Evaluator& evaluator, const Node& node, Args args) {
    return mapped(evaluator, node, str(args[0]), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
}

/// The characters with the Unicode property White_Space, as CEL's strings extension trims them.
std::size_t space_at(std::string_view text) {
    constexpr std::string_view spaces[] = {
        " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680",
        "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
        "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
    for (const std::string_view space : spaces)
        if (text.starts_with(space)) return space.size();
    return 0;
}

View trim(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    std::string_view text = str(args[0]);
    while (const std::size_t bytes = space_at(text)) text.remove_prefix(bytes);
    while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && !begins_character(text[last])) --last;
        if (space_at(text.substr(last)) == 0) break;
        text.remove_suffix(text.size() - last);
    }
    return text;
}

/// The optional count of replace() and split(): negative or absent means no limit.
std::optional<std::size_t> count_of(Args args, std::size_t index) {
    if (args.size() <= index) return npos;
    const auto number = args[index].as_decimal()->to_int64();
    if (!number) return std::nullopt;
    return *number < 0 ? npos : static_cast<std::size_t>(*number);
}

View replace(Evaluator& evaluator, const Node& node, Args args) {
    const std::size_t bytes_max = evaluator.compiled().limits.string_bytes_max;
    const auto count = count_of(args, 3);
    if (!count) return evaluator.fail(node, "the count of replace() is a whole number");
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const std::string_view wanted = str(args[1]);
    std::string out;
    std::size_t at = 0;
    for (std::size_t done = 0; done < *count && out.size() <= bytes_max; ++done) {
        const std::size_t found = find_in(text, wanted, at);
        if (found == npos) break;
        out.append(text, at, found - at).append(str(args[2]));
        at = found + wanted.size();
        if (!wanted.empty()) continue;
        // An empty text is found before every character and at the end.
        if (at == text.size()) return evaluator.text(node, out);
        const std::size_t next = at + offset_of_character(text.substr(at), 1);
        out.append(text, at, next - at);
        at = next;
    }
    if (out.size() + text.size() - at > bytes_max)
        return evaluator.over_limit(node, "string", bytes_max);
    return evaluator.text(node, out.append(text, at));
}

View split(Evaluator& evaluator, const Node& node, Args args) {
    const auto count = count_of(args, 2);
    if (!count) return evaluator.fail(node, "the count of split() is a whole number");
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const std::string_view separator = str(args[1]);
    const std::size_t parts_max = std::min(*count, evaluator.compiled().limits.list_items_max + 1);
    std::vector<View> parts;
    std::size_t at = 0;
    while (parts.size() + 1 < parts_max) {
        const bool every_character = separator.empty();
        const std::size_t found = every_character ? offset_of_character(text.substr(at), 1)
                                                  : find_in(text, separator, at);
        const std::size_t end = every_character && found != npos ? at + found : found;
        if (end == npos || (every_character && end >= text.size())) break;
        parts.emplace_back(text.substr(at, end - at));
        at = end + separator.size();
    }
    if (*count > 0 && !(separator.empty() && text.empty())) parts.emplace_back(text.substr(at));
    if (!evaluator.charge(parts.size())) return evaluator.out_of_steps(node);
    const std::span<View> items = evaluator.list_room(parts.size());
    if (items.data() == nullptr) return evaluator.no_room(node);
    std::copy(parts.begin(), parts.end(), items.begin());
    return ListView{.items = items};
}

View join_list(Evaluator& evaluator, const Node& node, Args args) {
    const std::size_t bytes_max = evaluator.compiled().limits.string_bytes_max;
    const std::string_view separator = args.size() > 1 ? str(args[1]) : std::string_view{};
    const ListView& list = *args[0].as_list();
    std::string out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const View item = list.at(i);
        if (item.failed()) return item;
        if (item.as_string() == nullptr)
            return evaluator.fail(node, fmt::format("join() needs strings, item {} is a {}", i,
                                                    name_of(item.kind())));
        if (i > 0) out += separator;
        if (out.size() + str(item).size() > bytes_max)
            return evaluator.over_limit(node, "string", bytes_max);
        if (!evaluator.charge(1)) return evaluator.out_of_steps(node);
        out += str(item);
    }
    return evaluator.text(node, out);
}

View substring(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const auto first = whole(args[1], text.size());
    const auto last = args.size() > 2 ? whole(args[2], text.size()) : std::optional{npos};
    if (!first || !last || *first > *last)
        return evaluator.fail(node, "the range of substring() is outside the string");
    const std::size_t begin = offset_of_character(text, *first);
    const std::size_t end = *last == npos ? text.size() : offset_of_character(text, *last);
    if (begin == npos || end == npos)
        return evaluator.fail(node, "the range of substring() is outside the string");
    return text.substr(begin, end - begin);
}

View char_at(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const auto index = whole(args[1], text.size());
    const std::size_t begin = index ? offset_of_character(text, *index) : npos;
    if (begin == npos) return evaluator.fail(node, "the index of charAt() is outside the string");
    if (begin == text.size()) return std::string_view{};
    return text.substr(begin, offset_of_character(text.substr(begin), 1));
}

View found_at(std::string_view text, std::size_t offset) {
    if (offset == npos) return Decimal{-1};
    return View::whole(characters_in(text.substr(0, offset)));
}

View index_of(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const auto from = args.size() > 2 ? whole(args[2], text.size()) : std::optional{0UL};
    const std::size_t start = from ? offset_of_character(text, *from) : npos;
    if (start == npos) return evaluator.fail(node, "the start of indexOf() is outside the string");
    return found_at(text, find_in(text, str(args[1]), start));
}

View last_index_of(Evaluator& evaluator, const Node& node, Args args) {
    if (!charge_all(evaluator, args)) return evaluator.out_of_steps(node);
    const std::string_view text = str(args[0]);
    const auto until = args.size() > 2 ? whole(args[2], text.size()) : std::optional{npos};
    if (!until) return evaluator.fail(node, "the start of lastIndexOf() is outside the string");
    const std::size_t limit = *until == npos ? text.size() : offset_of_character(text, *until);
    if (limit == npos)
        return evaluator.fail(node, "the start of lastIndexOf() is outside the string");
    const std::string_view wanted = str(args[1]);
    if (wanted.empty()) return found_at(text, limit);
    // Forward and linear, keeping the last hit that begins at or before the limit. Hits may
    // overlap, so the search goes on one byte further each time; every hit costs a step.
    std::size_t last = npos;
    for (std::size_t at = find_in(text, wanted); at != npos && at <= limit;
         at = find_in(text, wanted, at + 1)) {
        last = at;
        if (!evaluator.charge_bytes(wanted.size())) return evaluator.out_of_steps(node);
    }
    return found_at(text, last);
}

constexpr KindSet text{Kind::string};
constexpr KindSet number{Kind::decimal};
constexpr KindSet sized{Kind::string, Kind::list, Kind::map};

constexpr Builtin table[] = {
    {"size", CallForm::both, 1, 1, {sized}, number, size},
    {"contains", CallForm::method, 2, 2, {text}, Kind::boolean, contains},
    {"startsWith", CallForm::method, 2, 2, {text}, Kind::boolean, starts_with},
    {"endsWith", CallForm::method, 2, 2, {text}, Kind::boolean, ends_with},
    {"matches", CallForm::both, 2, 2, {text}, Kind::boolean, matches_pattern},
    {"lowerAscii", CallForm::method, 1, 1, {text}, text, lower_ascii},
    {"upperAscii", CallForm::method, 1, 1, {text}, text, upper_ascii},
    {"trim", CallForm::method, 1, 1, {text}, text, trim},
    {"replace", CallForm::method, 3, 4, {text, text, text, number}, text, replace},
    {"split", CallForm::method, 2, 3, {text, text, number}, Kind::list, split},
    {"join", CallForm::method, 1, 2, {Kind::list, text}, text, join_list},
    {"substring", CallForm::method, 2, 3, {text, number}, text, substring},
    {"charAt", CallForm::method, 2, 2, {text, number}, text, char_at},
    {"indexOf", CallForm::method, 2, 3, {text, text, number}, number, index_of},
    {"lastIndexOf", CallForm::method, 2, 3, {text, text, number}, number, last_index_of},
};

}  // namespace

std::span<const Builtin> text_functions() {
    return table;
}

}  // namespace blotter::expression
