#pragma once

#include <string>
#include <vector>

#include "cli/console.hpp"
#include "config/settings.hpp"
#include "server/demo_api.hpp"
#include "server/demo_receivers.hpp"

namespace blotter::server {

/// The way of one contract, played over the HTTP API in front of a reader: every step is done,
/// checked and printed. The first one that does not hold is the failure. Used once.
class DemoStory {
  public:
    struct Place {
        cli::Console& console;
        DemoReceivers& receivers;
        const config::Settings& settings;  ///< of the running server
        std::string url;
        std::string owner_key;
    };
    explicit DemoStory(Place place) : place_(std::move(place)), api_(place_.url) {}

    Result<> play();

    DemoApi& api() { return api_; }
    /// Known once it was made.
    const std::string& workspace() const { return workspace_; }

  private:
    struct Signer {
        std::string_view name;
        std::string_view email;
        std::string_view ip;
        std::string_view method;
    };

    Result<> make_workspace();
    Result<> make_destinations();
    Result<> make_destination(DemoReceivers::Which which, std::string_view words,
                              json::Object body);
    Result<> create_envelope();
    Result<> sign_envelope();
    Result<> complete_envelope();
    Result<> show_ledger();
    Result<> show_accounting();
    Result<> show_erp();
    Result<> show_quarantine();
    Result<> show_failing();
    Result<> prove_completed();
    Result<> verify_ledger();

    Result<> expect(bool holds, std::string_view what);
    Result<std::vector<cli::ReceivedWebhook>> wait_for_webhooks(DemoReceivers::Which which,
                                                                std::size_t count);
    Result<> show_file(std::string_view what, const std::string& url, std::string_view sha256);
    Result<json::Value> delivery_of(std::string_view destination, std::string_view state);

    template <typename... Args>
    void done(fmt::format_string<Args...> format, Args&&... args) {
        place_.console.line("  ✓ {}", fmt::format(format, std::forward<Args>(args)...));
    }
    void chapter(std::string_view title) { place_.console.line("\n{}", title); }

    Place place_;
    DemoApi api_;
    std::string workspace_;
    std::vector<std::string> destinations_;
    std::string erp_secret_;
    json::Value envelope_;
    std::vector<json::Value> events_;  ///< in the order of the ledger
    std::string completed_;            ///< the id of envelope.completed
    std::string signed_sha256_;
    std::string trail_sha256_;
};

}  // namespace blotter::server
