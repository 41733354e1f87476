#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text for Slack. Users' words (titles, names, reasons) are cut first and escaped after, so that
/// an entity is never cut in two; lengths are counted in code points, as Slack counts them.
namespace blotter::connectors::slack {

/// The first `points_max` code points, the last of them "…" when something was cut. Control
/// characters become spaces. `text` must be UTF-8.
std::string cut(std::string_view text, std::size_t points_max);

std::size_t code_points(std::string_view text);

/// "&", "<" and ">" as entities: what is left cannot mention, link or format a date.
std::string escape(std::string_view text);

/// `<url|label>` of mrkdwn. `|`, `<`, `>` and spaces of the address are percent-encoded; those of
/// the label are taken out.
std::string link(std::string_view url, std::string_view label);

/// An address as it may stand in a button or in `link`.
std::string clean_url(std::string_view url);

}  // namespace blotter::connectors::slack
