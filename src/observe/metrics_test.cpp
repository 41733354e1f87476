#include "observe/metrics.hpp"

#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/health.hpp"

namespace blotter::observe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

enum class Outcome { delivered, refused };
std::string_view to_text(Outcome outcome) {
    return outcome == Outcome::delivered ? "delivered" : "refused";
}
static_assert(!std::is_constructible_v<Label, const char*, std::string>, "values are bounded");
static_assert(!std::is_constructible_v<Label, Literal, int>);

/// A strict reader of the Prometheus text exposition format 0.0.4: HELP and TYPE before samples,
/// families unbroken, no series twice, histograms cumulative and complete.
class Exposition {
  public:
    explicit Exposition(std::string_view page) {
        if (!page.empty() && !page.ends_with('\n')) problem_ = "the last line has no end";
        while (!page.empty() && problem_.empty()) {
            const auto end = page.find('\n');
            line(page.substr(0, end));
            page.remove_prefix(end + 1);
        }
        if (problem_.empty()) check_histograms();
    }
    const std::string& problem() const { return problem_; }
    std::optional<double> sample(const std::string& series) const {
        const auto found = samples_.find(series);
        return found == samples_.end() ? std::nullopt : std::optional{found->second};
    }

  private:
    void wrong(std::string_view why, std::string_view line) {
        problem_ = std::string{why} + ": " + std::string{line};
    }

    static bool take_name(std::string_view& rest, std::string& name) {
        std::size_t n = 0;
        const auto fits = [&](char c) {
            return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == ':' ||
                   (n > 0 && std::isdigit(static_cast<unsigned char>(c)));
        };
        while (n < rest.size() && fits(rest[n])) ++n;
        name = rest.substr(0, n);
        rest.remove_prefix(n);
        return n > 0;
    }

    void line(std::string_view text) {
        if (text.starts_with("# HELP ") || text.starts_with("# TYPE ")) return comment(text);
        std::string_view rest = text;
        std::string name;
        if (!take_name(rest, name)) return wrong("no name", text);
        std::string labels;
        if (rest.starts_with('{') && !take_labels(rest, labels)) return wrong("labels", text);
        if (!rest.starts_with(' ')) return wrong("no space before the value", text);
        rest.remove_prefix(1);
        double value = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
        if (error != std::errc{} || end != rest.data() + rest.size()) return wrong("value", text);
        if (!belongs(name)) return wrong("a sample outside its family", text);
        if (!samples_.emplace(name + labels, value).second) return wrong("series twice", text);
        if (type_ == "histogram" && name == family_ + "_bucket") buckets_[family_].push_back(value);
    }

    bool belongs(const std::string& name) const {
        if (type_.empty()) return false;
        if (type_ != "histogram") return name == family_;
        return name == family_ + "_bucket" || name == family_ + "_sum" ||
               name == family_ + "_count";
    }

    void comment(std::string_view text) {
        const bool help = text.starts_with("# HELP ");
        std::string_view rest = text.substr(7);
        std::string name;
        if (!take_name(rest, name) || !rest.starts_with(' ')) return wrong("comment", text);
        if (help) {
            if (!families_.insert(name).second) return wrong("family twice", text);
            family_ = name;
            type_.clear();
            return;
        }
        if (name != family_ || !type_.empty()) return wrong("TYPE without its HELP", text);
        type_ = rest.substr(1);
        if (type_ != "counter" && type_ != "gauge" && type_ != "histogram")
            return wrong("unknown type", text);
    }

    static bool take_labels(std::string_view& rest, std::string& labels) {
        const std::string_view start = rest;
        rest.remove_prefix(1);
        while (true) {
            std::string name;
            if (!take_name(rest, name) || !rest.starts_with("=\"")) return false;
            rest.remove_prefix(2);
            while (!rest.empty() && rest.front() != '"') {
                if (rest.front() == '\\') {
                    rest.remove_prefix(1);
                    if (rest.empty() || !std::string_view{"\\\"n"}.contains(rest.front()))
                        return false;
                }
                rest.remove_prefix(1);
            }
            if (rest.empty()) return false;
            rest.remove_prefix(1);
            if (rest.starts_with('}')) break;
            if (!rest.starts_with(',')) return false;
            rest.remove_prefix(1);
        }
        rest.remove_prefix(1);
        labels = start.substr(0, start.size() - rest.size());
        return true;
    }

    void check_histograms() {
        constexpr std::size_t size = Histogram::bounds_ns.size() + 1;
        for (const auto& [family, counts] : buckets_) {
            if (counts.size() % size != 0) return wrong("missing buckets", family);
            for (std::size_t i = 1; i < counts.size(); ++i)
                if (i % size != 0 && counts[i] < counts[i - 1]) return wrong("shrinks", family);
        }
    }

    std::string problem_;
    std::string family_;
    std::string type_;
    std::set<std::string> families_;
    std::map<std::string, double> samples_;
    std::map<std::string, std::vector<double>> buckets_;
};

struct Probe {
    CountersBy<Outcome, 2> attempts;
    Gauge in_flight;
    Histogram took;
};

void add_probe(MetricsPage& page, const Probe& probe) {
    page.add({"blotter_attempts_total", "Attempts by outcome."}, "outcome", probe.attempts);
    page.add({"blotter_in_flight", "Attempts under way."}, {}, probe.in_flight);
    page.add({"blotter_took_seconds", "Length of an attempt."}, {{"kind", "webhook"}}, probe.took);
}

TEST(MetricsPage, is_valid_and_adds_up_the_probes_of_all_loops) {
    std::array<Probe, 2> probes;
    MetricsPage page;
    for (const Probe& probe : probes) add_probe(page, probe);
    probes[0].attempts[Outcome::delivered].add(3);
    probes[1].attempts[Outcome::delivered].add(4);
    probes[1].in_flight.add(2);
    probes[0].took.observe(1ms);
    probes[1].took.observe(3s);

    const Exposition seen{page.render()};
    EXPECT_EQ(seen.problem(), "") << page.render();
    EXPECT_EQ(seen.sample(R"(blotter_attempts_total{outcome="delivered"})"), 7);
    EXPECT_EQ(seen.sample(R"(blotter_attempts_total{outcome="refused"})"), 0);
    EXPECT_EQ(seen.sample("blotter_in_flight"), 2);
    EXPECT_EQ(seen.sample(R"(blotter_took_seconds_count{kind="webhook"})"), 2);
    EXPECT_EQ(seen.sample(R"(blotter_took_seconds_sum{kind="webhook"})"), 3.001);
    EXPECT_EQ(seen.sample(R"(blotter_took_seconds_bucket{kind="webhook",le="0.001"})"), 1);
    EXPECT_EQ(seen.sample(R"(blotter_took_seconds_bucket{kind="webhook",le="5"})"), 2);
    EXPECT_EQ(seen.sample(R"(blotter_took_seconds_bucket{kind="webhook",le="+Inf"})"), 2);
}

TEST(MetricsPage, is_byte_for_byte_what_the_format_says) {
    Counter counter;
    Gauge gauge;
    MetricsPage page;
    page.add({"a_total", "Help with \\ and\nbreak."}, {{"x", "quote\" back\\ line\n"}}, counter);
    page.add({"b", "Level."}, {}, gauge);
    counter.add();
    gauge.subtract(5);
    EXPECT_EQ(page.render(),
              "# HELP a_total Help with \\\\ and\\nbreak.\n"
              "# TYPE a_total counter\n"
              "a_total{x=\"quote\\\" back\\\\ line\\n\"} 1\n"
              "# HELP b Level.\n"
              "# TYPE b gauge\n"
              "b -5\n");
    EXPECT_EQ(Exposition{page.render()}.problem(), "");
}

TEST(MetricsPage, of_nothing_is_empty) {
    EXPECT_EQ(MetricsPage{}.render(), "");
}

TEST(MetricsPage, stays_valid_while_others_count) {
    Probe probe;
    MetricsPage page;
    add_probe(page, probe);
    std::jthread busy{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) probe.took.observe(2ms);
    }};
    for (int i = 0; i < 200; ++i) {
        const Exposition seen{page.render()};
        ASSERT_EQ(seen.problem(), "");
        ASSERT_EQ(seen.sample(R"(blotter_took_seconds_count{kind="webhook"})"),
                  seen.sample(R"(blotter_took_seconds_bucket{kind="webhook",le="+Inf"})"));
    }
}

TEST(MetricsPageDeathTest, refuses_names_and_types_that_contradict) {
    Counter counter;
    Gauge gauge;
    MetricsPage page;
    EXPECT_DEATH(page.add({"requests", "x"}, {}, counter), "_total");
    EXPECT_DEATH(page.add({"requests_total", "x"}, {}, gauge), "_total");
    EXPECT_DEATH(page.add({"Bad name", "x"}, {}, gauge), "is_name");
    page.add({"depth", "x"}, {}, gauge);
    EXPECT_DEATH(page.add({"depth", "y"}, {}, gauge), "help");
}

TEST(ExpositionReader, refuses_what_prometheus_refuses) {
    const char* const cases[] = {
        "a 1\n",
        "# HELP a x\na 1\n",
        "# HELP a x\n# TYPE a counter\na 1",
        "# HELP a x\n# TYPE a counter\nb 1\n",
        "# HELP a x\n# TYPE a counter\na{b=\"c} 1\n",
        "# HELP a x\n# TYPE a counter\na{b=\"\\x\"} 1\n",
        "# HELP a x\n# TYPE a counter\na one\n",
        "# HELP a x\n# TYPE a counter\na 1\na 1\n",
        "# HELP a x\n# TYPE a thing\na 1\n",
    };
    for (const char* page : cases) EXPECT_NE(Exposition{page}.problem(), "") << page;
}

TEST(Histogram, puts_a_duration_at_or_below_its_bound) {
    const std::pair<std::chrono::nanoseconds, std::size_t> cases[] = {
        {-1s, 0}, {0ns, 0},  {100us, 0}, {100'001ns, 1},
        {1ms, 3}, {99s, 18}, {100s, 18}, {101s, 19}};
    for (const auto& [took, bucket] : cases) {
        Histogram histogram;
        histogram.observe(took);
        EXPECT_EQ(histogram.count(bucket), 1U) << took.count();
    }
}

TEST(InFlight, counts_for_as_long_as_it_lives) {
    Gauge gauge;
    {
        const InFlight one{gauge};
        EXPECT_EQ(gauge.value(), 1);
    }
    EXPECT_EQ(gauge.value(), 0);
}

TEST(Health, is_ready_when_every_check_has_passed_and_live_from_the_start) {
    Health health;
    HealthCheck& store = health.add("store", Scope::ready);
    HealthCheck& loops = health.add("loops", Scope::live);
    EXPECT_EQ(http_status_of(health.report(Scope::live)), 200);
    EXPECT_EQ(json::to_text(to_json(health.report(Scope::ready))),
              R"({"status":"failing","checks":{"store":{"status":"failing","reason":"starting"},)"
              R"("loops":{"status":"ok"}}})");
    store.pass();
    EXPECT_EQ(http_status_of(health.report(Scope::ready)), 200);
    EXPECT_EQ(json::to_text(to_json(health.report(Scope::ready))),
              R"({"status":"ok","checks":{"store":{"status":"ok"},"loops":{"status":"ok"}}})");
    store.fail("the disk is full");
    EXPECT_EQ(http_status_of(health.report(Scope::ready)), 503);
    EXPECT_EQ(http_status_of(health.report(Scope::live)), 200);
    loops.fail("a loop stands still");
    EXPECT_EQ(http_status_of(health.report(Scope::live)), 503);
}

}  // namespace
}  // namespace blotter::observe
