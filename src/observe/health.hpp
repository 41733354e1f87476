#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace blotter::observe {

/// What a failing check means. `live`: only a restart helps (/healthz). `ready`: no new work, but
/// wait (/readyz). A failing live check also makes the program not ready.
enum class Scope : unsigned char { live, ready };

/// One named condition, owned by Health and reported on by the room that knows it. Any thread.
class HealthCheck {
  public:
    HealthCheck(std::string_view name, Scope scope);
    void pass();
    /// `reason`: what is wrong and what to do, for an operator; never a secret.
    void fail(std::string reason);

    std::string_view name() const { return name_; }
    Scope scope() const { return scope_; }
    /// Empty when the check passes.
    std::string reason() const;

  private:
    const std::string_view name_;
    const Scope scope_;
    // Guards reason_ only. Written at a change, read by health pages: never on a hot path.
    mutable std::mutex mutex_;
    std::string reason_;
};

/// What a health page says.
struct HealthReport {
    struct Line {
        std::string_view name;
        std::string reason;  ///< empty when the check passes
    };
    bool healthy = true;
    std::vector<Line> checks;
};

/// All checks of the program. Checks are added at the start, before the threads; reports may be
/// asked for from any thread.
class Health {
  public:
    /// A `ready` check fails with "starting" until it is passed once, so that nothing is sent to a
    /// half-started server; a `live` check passes from the beginning. `name` is a literal.
    HealthCheck& add(std::string_view name, Scope scope);

    /// For /healthz: the live checks. For /readyz: all.
    HealthReport report(Scope scope) const;

  private:
    std::vector<std::unique_ptr<HealthCheck>> checks_;
};

/// The HTTP status of a report: 200 or 503.
int http_status_of(const HealthReport& report);
/// {"status":"ok"|"failing","checks":{"store":{"status":"failing","reason":"…"}}}
json::Value to_json(const HealthReport& report);

}  // namespace blotter::observe
