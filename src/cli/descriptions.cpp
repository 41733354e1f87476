#include "cli/descriptions.hpp"

#include <array>

#include "base/json.hpp"
#include "config/load.hpp"
#include "intake/event_schemas.hpp"

namespace blotter::cli {
namespace {

struct ErrorRow {
    std::string_view name;
    int status;
    std::string_view title;
};

constexpr std::array error_rows{
#define X(name, status, title) ErrorRow{#name, status, title},
#include "base/errors.def"
#undef X
};

std::string_view title_of_group(EventGroup group) {
    switch (group) {
        case EventGroup::envelope:
            return "Envelopes";
        case EventGroup::recipient:
            return "Recipients";
        case EventGroup::evidence:
            return "Evidence";
        case EventGroup::document:
            return "Documents";
        case EventGroup::source:
            return "Sources";
    }
    return "";
}

/// "`envelope`, `recipient`": the members that a type's data must have.
std::string required_members(EventType type) {
    const json::Value schema = intake::schema_of(type);
    const json::Value* required = schema.find("required");
    std::string out;
    if (required == nullptr) return out;
    for (const json::Value& name : *required->as_array()) {
        if (!out.empty()) out += ", ";
        out += "`" + *name.as_string() + "`";
    }
    return out;
}

}  // namespace

std::string errors_page() {
    std::string out =
        "# Errors\n\n"
        "This page is generated from `src/base/errors.def` by `blotter docs errors`; a test fails "
        "when it is stale.\n\n"
        "Every refusal of the API is a problem document (RFC 9457, `application/problem+json`). "
        "Its `code` is one of these names, which never change; its `detail` says in words what "
        "was wrong and what to do; `errors` holds a JSON Pointer to the place in the body, where "
        "there is one. The same names stand in the log and on attempts.\n\n"
        "| code | status | title |\n|---|---|---|\n";
    for (const ErrorRow& row : error_rows)
        out += fmt::format("| `{}` | {} | {} |\n", row.name, row.status, row.title);
    return out;
}

std::string events_page() {
    std::string out =
        "# Events\n\n"
        "This page is generated from the event types and their schemas by `blotter docs events`; "
        "a test fails when it is stale. `GET /v1/event-types` serves the same with the whole JSON "
        "Schemas.\n\n"
        "A name in brackets comes out instead for destinations that ask for aliases; both are "
        "understood wherever a type is named.\n";
    EventGroup group{};
    bool first = true;
    for (const EventType type : all_event_types()) {
        if (first || group_of(type) != group) {
            group = group_of(type);
            first = false;
            out += fmt::format("\n## {}\n\n| type | meaning | `data` must have |\n|---|---|---|\n",
                               title_of_group(group));
        }
        std::string name = fmt::format("`{}`", to_text(type));
        if (alias_of(type) != to_text(type)) name += fmt::format(" (`{}`)", alias_of(type));
        out += fmt::format("| {} | {} | {} |\n", name, intake::meaning_of(type),
                           required_members(type));
    }
    out += fmt::format("\n## Example\n\nThe `data` of `{}`:\n\n```json\n{}\n```\n",
                       to_text(EventType::envelope_completed),
                       json::to_pretty_text(intake::example_of(EventType::envelope_completed)));
    return out;
}

int print_page(Console& console, std::string_view name) {
    if (name == "errors")
        console.raw(errors_page());
    else if (name == "events")
        console.raw(events_page());
    else if (name == "settings")
        console.raw(config::to_markdown());
    else
        return console.misused(
            fmt::format("there is no page '{}': errors, events, settings", name));
    return exit_ok;
}

}  // namespace blotter::cli
