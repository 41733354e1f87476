#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// Text for Slack. Users' words (titles, names, reasons) are cut first and escaped after, so that
/// an entity is never cut in two; lengths are counted in code points, as Slack counts them.
namespace blotter::connectors::slack {

/// The first `points_max` code points, the last of them "…" when something was cut. Control
/// characters become spaces, marks that turn the direction of writing go. `text` must be UTF-8.
std::string cut(std::string_view text, std::size_t points_max);
/// The same, so that no more than `points_max` code points are there after `escape`.
std::string cut_to_escape(std::string_view text, std::size_t points_max);

std::size_t code_points(std::string_view text);

/// `text` with each of the characters as what stands for it.
std::string replace_each(std::string_view text,
                         std::initializer_list<std::pair<char, std::string_view>> replacements);

/// As one segment of a path or one value of a form (RFC 3986 section 2.1): everything that is not
/// a letter, a digit, "-", "_", "." or "~" is percent-encoded.
std::string percent_encode(std::string_view text);

/// "&", "<" and ">" as entities: what is left cannot mention, link or format a date.
std::string escape(std::string_view text);

/// `<url|label>` of mrkdwn. `|`, `<`, `>` and spaces of the address are percent-encoded; those of
/// the label are taken out.
std::string link(std::string_view url, std::string_view label);

/// An address as it may stand in a button or in `link`.
std::string clean_url(std::string_view url);

}  // namespace blotter::connectors::slack
