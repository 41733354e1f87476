#include "config/load.hpp"

#include <algorithm>
#include <fstream>
#include <string.h>
#include <utility>

#include <fmt/format.h>

#include "config/parse.hpp"
#include "config/toml_file.hpp"

namespace blotter::config {
namespace {

constexpr std::size_t problems_max = 20;
constexpr std::size_t file_bytes_max = 1 << 20;

// Collects all problems, so that a person mends a file in one go.
class Problems {
  public:
    void add(std::string_view place, std::string_view name, std::string_view what) {
        if (++count_ > problems_max) return;
        if (!text_.empty()) text_ += '\n';
        text_ += place;
        if (!name.empty()) text_ += fmt::format(": {}", name);
        text_ += fmt::format(": {}", what);
    }
    bool any() const { return count_ > 0; }
    std::string text() const {
        if (count_ <= problems_max) return text_;
        return text_ + fmt::format("\nand {} more", count_ - problems_max);
    }

  private:
    std::string text_;
    std::size_t count_ = 0;
};

struct Reading {
    std::vector<Given> given;
    std::vector<std::string> warnings;
    Problems problems;
};

// A name from outside in a message: printable, on one line, not endless.
std::string shown(std::string_view name) {
    std::string out;
    for (const char c : name.substr(0, 80)) out += c > ' ' && c < 0x7f ? c : '?';
    return out;
}

std::string unknown(std::string_view name) {
    const std::string_view near = nearest_name(name);
    return near.empty() ? "there is no such setting; `blotter config explain` lists them all"
                        : fmt::format("there is no such setting; did you mean {}?", near);
}

std::size_t index_of(const Row& row) {
    return static_cast<std::size_t>(&row - rows().data());
}

// Null when the TOML type fits the setting, else what to write instead.
const char* wrong_form(const Row& row, FileEntry::Form form) {
    using Form = FileEntry::Form;
    switch (row.kind) {
        case Kind::count:
            return form == Form::whole_number ? nullptr : "write a whole number";
        case Kind::auto_count:
        case Kind::bytes:
            return form == Form::whole_number || form == Form::text
                       ? nullptr
                       : "write a whole number or a text in quotes";
        case Kind::toggle:
            return form == Form::toggle ? nullptr : "write true or false";
        case Kind::networks:
        case Kind::addresses:
        case Kind::schedule:
            return form == Form::list || form == Form::text
                       ? nullptr
                       : "write a list of texts, such as [\"…\", \"…\"]";
        default:
            return form == Form::text ? nullptr : "write a text in quotes";
    }
}

void read_entry(const FileEntry& entry, std::string_view file, Reading& out) {
    std::string place = fmt::format("{}:{}:{}", file, entry.line, entry.column);
    const std::string name = shown(entry.name);
    const Row* row = find_row(entry.name);
    if (row == nullptr) return out.problems.add(place, name, unknown(entry.name));
    if (row->kind == Kind::secret)
        return out.problems.add(
            place, name,
            fmt::format("a secret is not taken from a file; set {}", environment_name(*row)));
    if (const char* wrong = wrong_form(*row, entry.form))
        return out.problems.add(place, name, fmt::format("{}; allowed: {}", wrong, allowed(*row)));
    out.given[index_of(*row)] = Given{entry.text, Origin::file, std::move(place)};
}

void read_file(const FileSource& file, Reading& out) {
    const auto entries = read_toml(file.text);
    if (!entries)
        return out.problems.add(fmt::format("{}:{}", file.name, entries.error().detail), "",
                                "the file is not valid TOML");
    for (const FileEntry& entry : *entries) read_entry(entry, file.name, out);
}

void read_environment(const std::map<std::string, std::string>& environment, Reading& out) {
    std::map<std::string, const Row*> known;
    for (const Row& row : rows()) known.emplace(environment_name(row), &row);
    for (auto at = environment.lower_bound("BLOTTER_");
         at != environment.end() && at->first.starts_with("BLOTTER_"); ++at) {
        const auto found = known.find(at->first);
        if (found != known.end()) {
            out.given[index_of(*found->second)] = Given{at->second, Origin::environment, at->first};
            continue;
        }
        // Not an error: container platforms put variables such as BLOTTER_SERVICE_HOST there.
        if (at->first == "BLOTTER_CONFIG") continue;
        std::string name = at->first.substr(8);
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        // The first _ is the dot; the distance forgives the others.
        if (const auto gap = name.find('_'); gap != std::string::npos) name[gap] = '.';
        const std::string_view near = nearest_name(name);
        out.warnings.push_back(fmt::format(
            "environment variable {} names no setting{}", shown(at->first),
            near.empty() ? std::string{}
                         : fmt::format("; did you mean {}?", environment_name(*find_row(near)))));
    }
}

void read_flag(std::string_view flag, Reading& out) {
    const std::size_t equals = std::min(flag.find('='), flag.size());
    const std::string place = shown(flag.substr(0, equals));
    if (!flag.starts_with("--"))
        return out.problems.add(place, "", "not a flag; write --name=value");
    const std::string_view name = flag.substr(2, equals - 2);
    const Row* row = find_row(name);
    if (row == nullptr) return out.problems.add(place, "", unknown(name));
    if (row->kind == Kind::secret)
        return out.problems.add(place, "",
                                fmt::format("a secret is not taken from the command line, where "
                                            "others can read it; set {}",
                                            environment_name(*row)));
    Given& given = out.given[index_of(*row)];
    if (given.origin == Origin::flag) return out.problems.add(place, "", "given twice");
    if (equals == flag.size() && row->kind != Kind::toggle)
        return out.problems.add(place, "", fmt::format("write {}=value", place));
    given = Given{equals == flag.size() ? "true" : std::string{flag.substr(equals + 1)},
                  Origin::flag, place};
}

template <typename T>
void fill(const Row& row, Reading& reading, T& out) {
    const Given& given = reading.given[index_of(row)];
    const Result<> parsed = parse_value(row, given.text, out);
    if (parsed) return;
    const std::string place = given.origin == Origin::environment
                                  ? fmt::format("environment variable {}", given.place)
                                  : given.place;
    reading.problems.add(place, row.name, parsed.error().detail);
}

void fill_all(Reading& reading, Settings& out) {
    std::size_t index = 0;
#define SECTION(name, title)
#define SETTING(section, key, ...) fill(rows()[index++], reading, out.section.key);
#define END_SECTION(name)
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
}

// What no single row can say.
void check_together(const Settings& settings, Problems& problems) {
    if (settings.listen.tls_certificate.empty() != settings.listen.tls_key.empty())
        problems.add("settings", "listen.tls_certificate, listen.tls_key",
                     "only one of the two is set; TLS needs both");
    if (settings.delivery.connect_timeout > settings.delivery.timeout)
        problems.add("settings", "delivery.connect_timeout", "is longer than delivery.timeout");
    if (settings.delivery.answer_excerpt_bytes_max > settings.delivery.answer_bytes_max)
        problems.add("settings", "delivery.answer_excerpt_bytes_max",
                     "is larger than delivery.answer_bytes_max");
    if (settings.delivery.workspace_in_flight_max > settings.delivery.in_flight_max)
        problems.add("settings", "delivery.workspace_in_flight_max",
                     "is larger than delivery.in_flight_max");
    if (settings.api.metadata_bytes_max > settings.request.body_bytes_max)
        problems.add("settings", "api.metadata_bytes_max", "is larger than request.body_bytes_max");
    const bool same = settings.metrics.address && settings.metrics.address->port != 0 &&
                      *settings.metrics.address == settings.listen.address;
    if (same) problems.add("settings", "metrics.address", "is the same as listen.address");
    if (settings.keys.master.is_set() && !settings.keys.file.empty())
        problems.add("settings", "keys.master, keys.file", "both are set; choose one");
}

std::string origin_text(const Given& given) {
    switch (given.origin) {
        case Origin::by_default:
            return "default";
        case Origin::file:
            return "file " + given.place;
        case Origin::environment:
            return "environment variable " + given.place;
        case Origin::flag:
            return "flag " + given.place;
    }
    return {};
}

}  // namespace

const Given* Configuration::given(std::string_view name) const {
    const Row* row = find_row(name);
    return row == nullptr ? nullptr : &given_[index_of(*row)];
}

std::string Configuration::explain() const {
    std::string out;
    for (const Row& row : rows()) {
        const Given& given = given_[index_of(row)];
        out += fmt::format("{} = {}\n    from {}", row.name, given.text, origin_text(given));
        if (row.kind != Kind::secret && given.origin != Origin::by_default)
            out += fmt::format("; default {}",
                               row.default_text.empty() ? "(nothing)" : row.default_text);
        out += fmt::format("; {}\n    {}\n",
                           row.applies == Applies::at_start ? "a change needs a restart"
                                                            : "a change needs a reload",
                           row.help);
    }
    return out;
}

Result<Configuration> load(const Sources& sources) {
    Reading reading;
    for (const Row& row : rows()) reading.given.push_back({.text = std::string{row.default_text}});
    if (sources.file) read_file(*sources.file, reading);
    read_environment(sources.environment, reading);
    for (const std::string& flag : sources.flags) read_flag(flag, reading);

    Configuration out;
    fill_all(reading, out.settings_);
    if (!reading.problems.any()) check_together(out.settings_, reading.problems);
    if (reading.problems.any()) return fail(Errc::invalid_argument, reading.problems.text());
    for (const Row& row : rows()) {
        if (row.kind != Kind::secret) continue;
        Given& given = reading.given[index_of(row)];
        const bool set = !given.text.empty();
        explicit_bzero(given.text.data(), given.text.size());
        given.text = set ? "set" : "unset";
    }
    out.given_ = std::move(reading.given);
    out.warnings_ = std::move(reading.warnings);
    return out;
}

Result<FileSource> read_settings_file(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    FileSource file{.name = path.string()};
    file.text.resize(file_bytes_max + 1);
    if (in) in.read(file.text.data(), static_cast<std::streamsize>(file.text.size()));
    if (!in.is_open() || in.bad())
        return fail(Errc::not_found,
                    fmt::format("the settings file {} cannot be read; check the path and its "
                                "permissions",
                                file.name));
    file.text.resize(static_cast<std::size_t>(in.gcount()));
    if (file.text.size() > file_bytes_max)
        return fail(Errc::too_large,
                    fmt::format("the settings file {} is larger than 1 MiB", file.name));
    return file;
}

}  // namespace blotter::config
