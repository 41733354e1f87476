#include "observe/health.hpp"

#include <algorithm>
#include <utility>

#include "base/invariant.hpp"

namespace blotter::observe {

HealthCheck::HealthCheck(std::string_view name, Scope scope)
    : name_(name), scope_(scope), reason_(scope == Scope::ready ? "starting" : "") {}

void HealthCheck::pass() {
    const std::lock_guard lock{mutex_};
    reason_.clear();
}

void HealthCheck::fail(std::string reason) {
    INVARIANT(!reason.empty());
    const std::lock_guard lock{mutex_};
    reason_ = std::move(reason);
}

std::string HealthCheck::reason() const {
    const std::lock_guard lock{mutex_};
    return reason_;
}

HealthCheck& Health::add(std::string_view name, Scope scope) {
    INVARIANT(std::ranges::none_of(checks_, [&](const auto& c) { return c->name() == name; }));
    return *checks_.emplace_back(std::make_unique<HealthCheck>(name, scope));
}

HealthReport Health::report(Scope scope) const {
    HealthReport report;
    for (const auto& check : checks_) {
        if (scope == Scope::live && check->scope() != Scope::live) continue;
        report.checks.push_back({check->name(), check->reason()});
        report.healthy = report.healthy && report.checks.back().reason.empty();
    }
    return report;
}

int http_status_of(const HealthReport& report) {
    return report.healthy ? 200 : 503;
}

json::Value to_json(const HealthReport& report) {
    json::Object checks;
    for (const HealthReport::Line& line : report.checks) {
        json::Object check{{"status", line.reason.empty() ? "ok" : "failing"}};
        if (!line.reason.empty()) check.set("reason", line.reason);
        checks.set(line.name, std::move(check));
    }
    return json::Object{{"status", report.healthy ? "ok" : "failing"},
                        {"checks", std::move(checks)}};
}

}  // namespace blotter::observe
