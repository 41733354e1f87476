#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <type_traits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"
#include "config/parse.hpp"

namespace blotter::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

static_assert(!std::is_copy_constructible_v<SecretText>);
static_assert(!std::is_convertible_v<SecretText, std::string_view>);
static_assert(!std::equality_comparable<SecretText>);
static_assert(std::is_same_v<decltype(Settings{}.delivery.timeout), Duration>);

Sources from_file(std::string text) {
    return {.file = FileSource{"blotter.toml", std::move(text)}};
}
Sources from_environment(std::map<std::string, std::string> environment) {
    return {.environment = std::move(environment)};
}
Sources from_flags(std::vector<std::string> flags) {
    return {.flags = std::move(flags)};
}

std::string problem_of(const Sources& sources) {
    const auto loaded = load(sources);
    return loaded ? "no problem" : loaded.error().detail;
}

std::string read(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(Table, has_unique_names_environment_names_and_complete_rows) {
    std::set<std::string> seen;
    for (const Row& row : rows()) {
        EXPECT_TRUE(seen.insert(std::string{row.name}).second) << row.name;
        EXPECT_TRUE(seen.insert(environment_name(row)).second) << row.name;
        EXPECT_TRUE(row.help.ends_with('.')) << row.name;
        EXPECT_EQ(row.help.find('|'), std::string_view::npos) << row.name;
        EXPECT_LE(row.min, row.max) << row.name;
        EXPECT_FALSE(allowed(row).empty()) << row.name;
        EXPECT_EQ(row.example.empty(), row.kind == Kind::secret) << row.name;
    }
    EXPECT_GT(rows().size(), 40U);
}

TEST(Table, has_examples_that_are_accepted) {
    for (const Row& row : rows()) {
        if (row.example.empty()) continue;
        Sources sources =
            from_flags({"--" + std::string{row.name} + "=" + std::string{row.example}});
        // A pair that only makes sense together.
        if (row.name.starts_with("listen.tls_")) {
            const char* other = row.name == "listen.tls_key" ? "certificate" : "key";
            sources.flags.push_back(std::string{"--listen.tls_"} + other + "=/x.pem");
        }
        EXPECT_EQ(problem_of(sources), "no problem") << row.name;
    }
}

TEST(Load, gives_the_defaults_when_nothing_is_set) {
    const auto loaded = load({});
    ASSERT_TRUE(loaded) << loaded.error().detail;
    const Settings& settings = loaded->settings();
    EXPECT_EQ(settings.listen.address, (HostPort{"127.0.0.1", 8427}));
    EXPECT_EQ(settings.store.page_cache_bytes, 40U << 20);
    EXPECT_EQ(settings.delivery.timeout, 30s);
    EXPECT_THAT(settings.delivery.schedule,
                ElementsAre(0s, 5min, 35min, 155min, 26h + 35min, 50h + 35min, 72h));
    EXPECT_TRUE(settings.egress.allow.empty());
    EXPECT_FALSE(settings.egress.http_allowed);
    EXPECT_FALSE(settings.metrics.address);
    EXPECT_FALSE(settings.keys.master.is_set());
    EXPECT_EQ(settings.log.level, LogLevel::info);
    EXPECT_EQ(loaded->given("log.level")->origin, Origin::by_default);
}

TEST(Load, takes_a_later_source_over_an_earlier_one) {
    Sources sources =
        from_file("[delivery]\ntimeout = \"10s\"\nconcurrency = 3\njitter_percent = 1");
    sources.environment = {{"BLOTTER_DELIVERY_TIMEOUT", "11s"},
                           {"BLOTTER_DELIVERY_CONCURRENCY", "4"}};
    sources.flags = {"--delivery.timeout=12s"};
    const auto loaded = load(sources);
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_EQ(loaded->settings().delivery.timeout, 12s);
    EXPECT_EQ(loaded->settings().delivery.concurrency, 4U);
    EXPECT_EQ(loaded->settings().delivery.jitter_percent, 1U);
    EXPECT_EQ(loaded->given("delivery.timeout")->place, "--delivery.timeout");
    EXPECT_EQ(loaded->given("delivery.concurrency")->place, "BLOTTER_DELIVERY_CONCURRENCY");
    EXPECT_EQ(loaded->given("delivery.jitter_percent")->place, "blotter.toml:4:1");
}

TEST(Load, reads_every_form_of_value_from_a_file) {
    const auto loaded = load(from_file(R"(
listen.address = "[::1]:0"
[store]
page_cache_bytes = 2097152
[threads]
loops = 3
[delivery]
schedule = ["0s", "1m"]
[egress]
allow_private = ["10.0.0.0/8", "fd00::/8"]
http_allowed = true
[log]
level = "debug"
format = "text"
)"));
    ASSERT_TRUE(loaded) << loaded.error().detail;
    const Settings& settings = loaded->settings();
    EXPECT_EQ(settings.listen.address, (HostPort{"::1", 0}));
    EXPECT_EQ(settings.store.page_cache_bytes, 2U << 20);
    EXPECT_EQ(settings.threads.loops, 3U);
    EXPECT_THAT(settings.delivery.schedule, ElementsAre(0s, 1min));
    EXPECT_THAT(settings.egress.allow_private, ElementsAre("10.0.0.0/8", "fd00::/8"));
    EXPECT_TRUE(settings.egress.http_allowed);
    EXPECT_EQ(settings.log.level, LogLevel::debug);
    EXPECT_EQ(settings.log.format, LogFormat::text);
}

TEST(Load, lets_a_toggle_stand_alone_as_a_flag) {
    const auto loaded = load(from_flags({"--development.enabled"}));
    ASSERT_TRUE(loaded);
    EXPECT_TRUE(loaded->settings().development.enabled);
}

struct Wrong {
    const char* name;
    Sources sources;
    const char* problem;
};

TEST(Load, names_the_place_the_key_and_what_is_allowed) {
    const Wrong cases[] = {
        {"typo in a file", from_file("[delivery]\n\n  timeot = \"3s\""),
         "blotter.toml:3:3: delivery.timeot: there is no such setting; did you mean "
         "delivery.timeout?"},
        {"swapped letters", from_flags({"--lisetn.address=127.0.0.1:1"}),
         "--lisetn.address: there is no such setting; did you mean listen.address?"},
        {"key in the wrong section", from_file("drain = \"3s\""),
         "blotter.toml:1:1: drain: there is no such setting; did you mean shutdown.drain?"},
        {"nothing near", from_file("qqqqqqqqqqqq = 1"),
         "blotter.toml:1:1: qqqqqqqqqqqq: there is no such setting; `blotter config explain` "
         "lists them all"},
        {"number without unit", from_file("[delivery]\ntimeout = 30"),
         "blotter.toml:2:1: delivery.timeout: write a text in quotes; allowed: a duration from "
         "1s to 30s, such as 250ms, 30s or 26h35m"},
        {"out of bounds", from_environment({{"BLOTTER_STORE_COMMIT_OPS_MAX", "0"}}),
         "environment variable BLOTTER_STORE_COMMIT_OPS_MAX: store.commit_ops_max: '0' is out of "
         "bounds; allowed: a whole number from 1 to 10000"},
        {"flag without value", from_flags({"--log.level"}), "--log.level: write --log.level=value"},
        {"flag twice", from_flags({"--log.level=info", "--log.level=info"}),
         "--log.level: given twice"},
        {"no flag", from_flags({"serve"}), "serve: not a flag; write --name=value"},
        {"half of TLS", from_flags({"--listen.tls_key=/k"}),
         "settings: listen.tls_certificate, listen.tls_key: only one of the two is set; TLS needs "
         "both"},
    };
    for (const Wrong& c : cases) EXPECT_EQ(problem_of(c.sources), c.problem) << c.name;
}

TEST(Load, says_where_a_file_is_not_toml) {
    EXPECT_THAT(problem_of(from_file("[log]\nlevel = ")),
                AllOf(HasSubstr("blotter.toml:2:"), HasSubstr("not valid TOML")));
    EXPECT_THAT(problem_of(from_file("[log]\nlevel = \"info\"\nlevel = \"info\"\n")),
                HasSubstr("blotter.toml:3:"));
    EXPECT_THAT(problem_of(from_file("\xff")), HasSubstr("blotter.toml:1:1"));
    // The parser would end the process over these.
    EXPECT_THAT(problem_of(from_file("[~log]\nlevel = \"info\"\n")), HasSubstr("blotter.toml:1:"));
    EXPECT_THAT(problem_of(from_file("[log.=]\n")), HasSubstr("blotter.toml:1:"));
    EXPECT_THAT(problem_of(from_file("[log]\n\u01a0 = 1\n")), HasSubstr("blotter.toml:2:"));
    EXPECT_NE(problem_of(from_file("a = " + std::string(100'000, '['))), "no problem");
}

TEST(Load, reports_all_problems_at_once_but_not_endlessly) {
    EXPECT_THAT(problem_of(from_file("[log]\nlevel = \"loud\"\nformat = \"xml\"")),
                AllOf(HasSubstr("blotter.toml:2:1: log.level"),
                      HasSubstr("\nblotter.toml:3:1: log.format")));
    std::string many;
    for (int i = 0; i < 50; ++i) many += "unknown" + std::to_string(i) + " = 1\n";
    EXPECT_THAT(problem_of(from_file(many)), HasSubstr("\nand 30 more"));
}

TEST(Load, refuses_values_of_the_wrong_form) {
    const std::pair<const char*, const char*> cases[] = {
        {"[delivery]\nconcurrency = \"3\"", "write a whole number"},
        {"[delivery]\nconcurrency = 3.5", "write a whole number"},
        {"[delivery]\nconcurrency = -3", "is no count"},
        {"[delivery]\nschedule = [0, 5]", "write a list of texts"},
        {"[delivery]\nschedule = [\"0s, 5m\"]", "write a list of texts"},
        {"[delivery.schedule]\nx = 1", "write a list of texts"},
        {"[egress]\nhttp_allowed = \"true\"", "write true or false"},
        {"[store]\npage_cache_bytes = true", "write a whole number or a text in quotes"},
        {"delivery = 3", "there is no such setting"},
        {"[[delivery]]\ntimeout = \"3s\"", "there is no such setting"},
    };
    for (const auto& [text, problem] : cases)
        EXPECT_THAT(problem_of(from_file(text)), HasSubstr(problem)) << text;
}

TEST(Load, only_warns_of_unknown_environment_variables) {
    const auto loaded = load(from_environment({{"BLOTTER_SERVICE_HOST", "10.0.0.1"},
                                               {"BLOTTER_LOG_LEVLE", "debug"},
                                               {"BLOTTER_CONFIG", "/etc/blotter.toml"},
                                               {"PATH", "/bin"}}));
    ASSERT_TRUE(loaded) << loaded.error().detail;
    EXPECT_THAT(loaded->warnings(),
                ElementsAre("environment variable BLOTTER_LOG_LEVLE names no setting; did you mean "
                            "BLOTTER_LOG_LEVEL?",
                            "environment variable BLOTTER_SERVICE_HOST names no setting"));
}

TEST(Load, never_shows_a_secret) {
    const std::string canary = "canary-7f3a";
    const auto loaded = load(from_environment({{"BLOTTER_KEYS_MASTER", canary}}));
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->settings().keys.master.reveal(), canary);
    EXPECT_EQ(loaded->given("keys.master")->text, "set");
    EXPECT_THAT(loaded->explain(), AllOf(HasSubstr("keys.master = set\n"), Not(HasSubstr(canary))));
    EXPECT_THAT(load({})->explain(), HasSubstr("keys.master = unset\n"));

    const Sources misused[] = {
        from_file("[keys]\nmaster = \"" + canary + "\""), from_flags({"--keys.master=" + canary}),
        from_environment({{"BLOTTER_KEYS_MASTER", canary + std::string(5'000, 'x')}})};
    for (const Sources& sources : misused)
        EXPECT_THAT(problem_of(sources), AllOf(HasSubstr("secret"), Not(HasSubstr(canary))));
}

TEST(Load, explains_values_origins_and_defaults) {
    const auto loaded = load(from_flags({"--log.level=debug"}));
    ASSERT_TRUE(loaded);
    EXPECT_THAT(loaded->explain(),
                AllOf(HasSubstr("log.level = debug\n    from flag --log.level; default info; a "
                                "change needs a reload\n"),
                      HasSubstr("listen.address = 127.0.0.1:8427\n    from default; a change needs "
                                "a restart\n")));
}

struct Text {
    const char* name;
    const char* text;
    bool good;
};

TEST(Values, are_accepted_or_refused) {
    const Text cases[] = {
        {"listen.address", "0.0.0.0:65535", true},
        {"listen.address", "[2001:db8::1]:80", true},
        {"listen.address", ":8427", false},
        {"listen.address", "localhost:8427", false},
        {"listen.address", "::1:8427", false},
        {"listen.address", "[127.0.0.1]:1", false},
        {"listen.address", "127.0.0.1:65536", false},
        {"listen.address", "127.0.0.1:-1", false},
        {"listen.address", "127.1:80", false},
        {"listen.address", "", false},
        {"listen.public_url", "https://a.example:8443/", true},
        {"listen.public_url", "ftp://a.example", false},
        {"listen.public_url", "https://user@a.example", false},
        {"listen.public_url", "https://a.example/path", false},
        {"listen.public_url", "https://a.example?x", false},
        {"listen.public_url", "https://", false},
        {"store.page_cache_bytes", "1048576", true},
        {"store.page_cache_bytes", "1GiB", true},
        {"store.page_cache_bytes", "1GB", false},
        {"store.page_cache_bytes", "KiB", false},
        {"store.page_cache_bytes", "99999999999TiB", false},
        {"store.page_cache_bytes", "-1", false},
        {"threads.loops", "auto", true},
        {"threads.loops", "17", false},
        {"delivery.timeout", "30", false},
        {"delivery.timeout", "5m1ms", false},
        {"delivery.schedule", "0s", true},
        {"delivery.schedule", "", false},
        {"delivery.schedule", "5m, 10m", false},
        {"delivery.schedule", "0s, 5m, 5m", false},
        {"delivery.schedule", "0s,, 5m", false},
        {"delivery.schedule", "0s, 31d", false},
        {"delivery.schedule", "0s, 500ms", false},
        {"egress.allow", "127.0.0.1/32, ::1/128", true},
        {"egress.allow", "", true},
        {"egress.allow", "127.0.0.1", false},
        {"egress.allow", "127.0.0.1/8", false},
        {"egress.allow", "10.0.0.0/33", false},
        {"egress.allow", "example.com/32", false},
        {"dns.servers", "192.0.2.1:53, [2001:db8::1]:5353", true},
        {"dns.servers", "", true},
        {"dns.servers", "192.0.2.1", false},
        {"dns.servers", "dns.example:53", false},
        {"dns.servers", "192.0.2.1:53,", false},
        {"egress.http_allowed", "TRUE", false},
        {"egress.http_allowed", "1", false},
        {"ledger.origin", "a b", false},
        {"ledger.origin", "a+b", false},
        {"ledger.origin", "", false},
        {"data.directory", "", false},
        {"data.directory", "a\nb", false},
    };
    for (const Text& c : cases) {
        const std::string problem =
            problem_of(from_flags({"--" + std::string{c.name} + "=" + c.text}));
        EXPECT_EQ(problem == "no problem", c.good) << c.name << " = " << c.text << ": " << problem;
        EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
    }
}

TEST(Derived, loops_leave_one_of_three_processors_or_more_to_the_store) {
    Settings settings;
    const std::pair<unsigned, unsigned> cases[] = {{0, 1}, {1, 1}, {2, 2},
                                                   {3, 2}, {8, 7}, {64, 16}};
    for (const auto& [processors, loops] : cases) EXPECT_EQ(loops_for(settings, processors), loops);
    settings.threads.loops = 4;
    EXPECT_EQ(loops_for(settings, 64), 4U);
}

TEST(Derived, addresses_and_paths_come_from_other_settings) {
    const auto plain = load({});
    EXPECT_EQ(public_url_for(plain->settings()), "http://127.0.0.1:8427");
    EXPECT_EQ(key_file_for(plain->settings()), "blotter-data/master.key");
    const auto set = load(from_flags({"--listen.public_url=https://b.example/", "--keys.file=/k"}));
    EXPECT_EQ(public_url_for(set->settings()), "https://b.example");
    EXPECT_EQ(key_file_for(set->settings()), "/k");
}

TEST(SettingsFile, is_read_whole_or_refused_with_its_name) {
    std::string directory = testing::TempDir() + "blotter_config_XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    const std::filesystem::path path = std::filesystem::path{directory} / "blotter.toml";
    std::ofstream{path} << "[log]\n";
    const auto small = read_settings_file(path);
    ASSERT_TRUE(small);
    EXPECT_EQ(small->text, "[log]\n");
    std::ofstream{path} << std::string((1 << 20) + 1, '#');
    EXPECT_EQ(read_settings_file(path).error().code, Errc::too_large);
    EXPECT_THAT(read_settings_file(directory + "/none").error().detail, HasSubstr("/none"));
    EXPECT_FALSE(read_settings_file(directory));
    std::filesystem::remove_all(directory);
}

// Compares a checked-in file with what the table says, and leaves the right text for copying.
void expect_fresh(const std::string& checked_in, const std::string& wanted) {
    const std::string path = std::string{BLOTTER_SOURCE_DIR} + "/" + checked_in;
    if (read(path) == wanted) return;
    const std::string fresh = std::string{BLOTTER_BINARY_DIR} + "/" +
                              std::filesystem::path{checked_in}.filename().string();
    std::ofstream{fresh, std::ios::binary} << wanted;
    ADD_FAILURE() << checked_in << " is stale; run: cp " << fresh << " " << path;
}

/// The code in which a setting can have an effect: not tests, not where settings are only read,
/// compared with each other, or looked at by the doctor.
std::vector<std::string> effective_code() {
    std::vector<std::string> out;
    const std::filesystem::path source = std::filesystem::path{BLOTTER_SOURCE_DIR} / "src";
    for (const auto& entry : std::filesystem::recursive_directory_iterator{source}) {
        const std::string path = entry.path().lexically_relative(source).string();
        const bool code = path.ends_with(".cpp") || path.ends_with(".hpp");
        // settings.cpp of this room has what is derived from settings, for others to call.
        const bool passive = path.ends_with("_test.cpp") || path.starts_with("cli/doctor") ||
                             (path.starts_with("config/") && path != "config/settings.cpp");
        if (code && !passive) out.push_back(read(entry.path()));
    }
    return out;
}

/// Whether one of the texts names the setting as a member of the settings.
bool is_obeyed(const std::vector<std::string>& texts, std::string_view name) {
    const std::string use = "settings." + std::string{name};
    const std::string call = "settings()." + std::string{name};
    return std::ranges::any_of(texts, [&](const std::string& text) {
        for (const std::string* wanted : {&use, &call})
            for (auto at = text.find(*wanted); at != std::string::npos;
                 at = text.find(*wanted, at + 1)) {
                const char next = text[at + wanted->size()];
                if (std::isalnum(static_cast<unsigned char>(next)) == 0 && next != '_') return true;
            }
        return false;
    });
}

TEST(Table, has_no_setting_that_nothing_obeys) {
    const std::vector<std::string> texts = effective_code();
    EXPECT_GT(texts.size(), 200U);
    for (const Row& row : rows()) EXPECT_TRUE(is_obeyed(texts, row.name)) << row.name;
    EXPECT_FALSE(is_obeyed(texts, "delivery.time"));
}

TEST(Generated, settings_page_is_fresh) {
    expect_fresh("docs/SETTINGS.md", to_markdown());
}

TEST(Generated, example_file_is_fresh) {
    expect_fresh("packaging/blotter.toml", to_example_file());
}

TEST(Generated, example_file_is_valid_when_its_lines_are_turned_on) {
    EXPECT_EQ(problem_of(from_file(to_example_file())), "no problem");
    std::string active = to_example_file();
    std::size_t turned_on = 0;
    for (const Row& row : rows()) {
        const std::string line =
            "# " + std::string{row.name.substr(row.section.size() + 1)} + " = ";
        for (auto at = active.find(line); at != std::string::npos; at = active.find(line, at)) {
            active.erase(at, 2);
            ++turned_on;
        }
    }
    EXPECT_GT(turned_on, 30U);
    EXPECT_EQ(problem_of(from_file(active)), "no problem");
}

TEST(Generated, systemd_unit_names_only_known_settings) {
    const std::string unit = read(std::string{BLOTTER_SOURCE_DIR} + "/packaging/blotter.service");
    ASSERT_FALSE(unit.empty());
    std::set<std::string> known{"BLOTTER_CONFIG"};
    for (const Row& row : rows()) known.insert(environment_name(row));
    std::size_t found = 0;
    for (auto at = unit.find("BLOTTER_"); at != std::string::npos;
         at = unit.find("BLOTTER_", at + 1)) {
        const auto end = unit.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", at);
        EXPECT_TRUE(known.contains(unit.substr(at, end - at))) << unit.substr(at, end - at);
        ++found;
    }
    EXPECT_GT(found, 0U);
}

}  // namespace
}  // namespace blotter::config
