#include "cli/doctor.hpp"

namespace blotter::cli {
namespace {

std::string_view sign_of(Health health) {
    switch (health) {
        case Health::ok:
            return "✓ ok  ";
        case Health::warning:
            return "! warn";
        case Health::failure:
            break;
    }
    return "✗ fail";
}

/// Further lines of a text stand under its first.
std::string indented(std::string_view words) {
    std::string out;
    for (const char c : words) {
        out += c;
        if (c == '\n') out += "                         ";
    }
    return out;
}

}  // namespace

int doctor(Console& console, const Result<config::Configuration>& configuration) {
    std::vector<Diagnosis> all;
    if (!configuration) {
        all.push_back({Health::failure, "configuration", configuration.error().detail});
    } else {
        const config::Settings& settings = configuration->settings();
        all.push_back({Health::ok, "configuration", "every setting is understood"});
        for (const std::string& warning : configuration->warnings())
            all.push_back({Health::warning, "configuration", warning});
        for (const auto part : {diagnose_data, diagnose_system, diagnose_network})
            for (Diagnosis& one : part(settings)) all.push_back(std::move(one));
    }
    int failures = 0;
    int warnings = 0;
    for (const Diagnosis& one : all) {
        console.line("{}  {:<15}  {}", sign_of(one.health), one.subject, indented(one.words));
        failures += one.health == Health::failure ? 1 : 0;
        warnings += one.health == Health::warning ? 1 : 0;
    }
    console.line("");
    if (failures > 0)
        console.line("{} to mend, {} to look at.", failures, warnings);
    else if (warnings > 0)
        console.line("Nothing to mend, {} to look at.", warnings);
    else
        console.line("All is well.");
    return failures > 0 ? exit_failed : exit_ok;
}

}  // namespace blotter::cli
