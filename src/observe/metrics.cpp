#include "observe/metrics.hpp"

#include <algorithm>
#include <iterator>
#include <variant>

#include <fmt/format.h>

#include "base/invariant.hpp"

namespace blotter::observe {

void Histogram::observe(std::chrono::nanoseconds took) {
    const std::int64_t ns = std::max<std::int64_t>(took.count(), 0);
    const auto bucket = std::ranges::lower_bound(bounds_ns, ns) - bounds_ns.begin();
    counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(static_cast<std::uint64_t>(ns), std::memory_order_relaxed);
}

using Source = std::variant<const Counter*, const Gauge*, const Histogram*>;

struct MetricsPage::Series {
    std::string labels;  ///< `outcome="delivered"`, without braces
    /// What stands before each of its numbers, written once: a page has thousands of lines, and is
    /// written on a loop that has other things to do.
    std::vector<std::string> heads;
    std::vector<Source> sources;
};

struct MetricsPage::Entry {
    std::string_view name;
    std::string_view help;
    std::string_view type;
    std::vector<Series> series;
};

namespace {

bool is_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !name.empty() && name.front() >= 'a' && std::ranges::all_of(name, fits);
}

// Label values escape three characters, HELP texts two (exposition format 0.0.4).
enum class Quotes : bool { plain, escaped };
std::string escaped(std::string_view text, Quotes quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else if (c == '"' && quotes == Quotes::escaped)
            out += "\\\"";
        else
            out += c;
    }
    return out;
}

std::string labels_text(Labels labels) {
    std::string out;
    for (const Label& label : labels) {
        INVARIANT(is_name(label.name()) && label.name() != "le");
        out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", label.name(),
                           escaped(label.value(), Quotes::escaped));
    }
    return out;
}

// Nanoseconds as seconds, exactly: "0.00025", "2.5", "100".
std::string seconds(std::uint64_t ns) {
    std::string out = fmt::format("{}.{:09}", ns / 1'000'000'000, ns % 1'000'000'000);
    out.erase(out.find_last_not_of('0') + 1);
    if (out.ends_with('.')) out.pop_back();
    return out;
}

std::string braced(std::string_view labels) {
    return labels.empty() ? std::string{} : fmt::format("{{{}}}", labels);
}

constexpr std::size_t buckets = Histogram::bounds_ns.size() + 1;

std::vector<std::string> heads_of(std::string_view name, std::string_view type,
                                  std::string_view labels) {
    if (type != "histogram") return {fmt::format("{}{} ", name, braced(labels))};
    std::vector<std::string> out;
    for (std::size_t i = 0; i < buckets; ++i) {
        const std::string bound =
            i + 1 == buckets ? "+Inf"
                             : seconds(static_cast<std::uint64_t>(Histogram::bounds_ns[i]));
        out.push_back(fmt::format("{}_bucket{{{}{}le=\"{}\"}} ", name, labels,
                                  labels.empty() ? "" : ",", bound));
    }
    out.push_back(fmt::format("{}_sum{} ", name, braced(labels)));
    out.push_back(fmt::format("{}_count{} ", name, braced(labels)));
    return out;
}

void add_line(std::string& out, std::string_view head, std::string_view value) {
    out.append(head).append(value) += '\n';
}

void render_histogram(std::string& out, const std::vector<std::string>& heads,
                      const std::vector<Source>& sources) {
    // Read once, so that the count below equals the last bucket even while others observe.
    std::array<std::uint64_t, buckets> counts{};
    std::uint64_t sum_ns = 0;
    for (const Source& source : sources) {
        const Histogram& histogram = *std::get<const Histogram*>(source);
        for (std::size_t i = 0; i < buckets; ++i) counts[i] += histogram.count(i);
        sum_ns += histogram.sum_ns();
    }
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
        below += counts[i];
        add_line(out, heads[i], fmt::to_string(below));
    }
    add_line(out, heads[buckets], seconds(sum_ns));
    add_line(out, heads[buckets + 1], fmt::to_string(below));
}

}  // namespace

MetricsPage::MetricsPage() = default;
MetricsPage::~MetricsPage() = default;

MetricsPage::Series& MetricsPage::series(Family family, std::string_view type, Labels labels) {
    const std::string_view name = family.name.text();
    INVARIANT(is_name(name));
    const auto same_name = [name](const auto& entry) { return entry->name == name; };
    auto found = std::ranges::find_if(entries_, same_name);
    if (found == entries_.end()) {
        entries_.push_back(std::make_unique<Entry>(Entry{name, family.help.text(), type, {}}));
        found = std::prev(entries_.end());
    }
    Entry& entry = **found;
    INVARIANT(entry.type == type);
    INVARIANT(entry.help == family.help.text());
    std::string text = labels_text(labels);
    const auto series = std::ranges::find(entry.series, text, &Series::labels);
    if (series != entry.series.end()) return *series;
    std::vector<std::string> heads = heads_of(name, type, text);
    return entry.series.emplace_back(Series{std::move(text), std::move(heads), {}});
}

void MetricsPage::add(Family family, Labels labels, const Counter& counter) {
    INVARIANT(family.name.text().ends_with("_total"));
    series(family, "counter", labels).sources.emplace_back(&counter);
}

void MetricsPage::add(Family family, Labels labels, const Gauge& gauge) {
    INVARIANT(!family.name.text().ends_with("_total"));
    series(family, "gauge", labels).sources.emplace_back(&gauge);
}

void MetricsPage::add(Family family, Labels labels, const Histogram& histogram) {
    INVARIANT(family.name.text().ends_with("_seconds"));
    series(family, "histogram", labels).sources.emplace_back(&histogram);
}

std::string MetricsPage::render() const {
    std::string out;
    auto to = std::back_inserter(out);
    for (const auto& entry : entries_) {
        fmt::format_to(to, "# HELP {} {}\n# TYPE {} {}\n", entry->name,
                       escaped(entry->help, Quotes::plain), entry->name, entry->type);
        for (const Series& series : entry->series) {
            if (entry->type == "histogram") {
                render_histogram(out, series.heads, series.sources);
                continue;
            }
            std::uint64_t counted = 0;
            std::int64_t level = 0;
            for (const Source& source : series.sources) {
                if (const auto* counter = std::get_if<const Counter*>(&source))
                    counted += (*counter)->value();
                else if (const auto* gauge = std::get_if<const Gauge*>(&source))
                    level += (*gauge)->value();
            }
            const bool is_gauge = entry->type == "gauge";
            add_line(out, series.heads.front(),
                     is_gauge ? fmt::to_string(level) : fmt::to_string(counted));
        }
    }
    return out;
}

}  // namespace blotter::observe
