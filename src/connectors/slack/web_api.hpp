#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "connectors/slack/errors.hpp"
#include "http/client.hpp"
#include "model/delivery.hpp"
#include "security/egress.hpp"
#include "security/secret.hpp"

namespace blotter::connectors::slack {

/// What one call of a method came to. Slack says most errors with status 200 and `ok: false`.
struct CallAnswer {
    bool ok = false;
    std::string error;  ///< Slack's code, or ours when there was no answer of Slack's
    ErrorClass kind = ErrorClass::unknown;
    int status = 0;           ///< 0: no answer
    std::string retry_after;  ///< the header, as sent
    std::string words;        ///< the failure for people
    std::string scopes;       ///< granted ones, where the answer names them
    json::Value body;
    http::Facts facts;
};

using Form = std::vector<std::pair<std::string, std::string>>;

/// Slack's Web API from one loop: form or JSON in, `ok` or an error code out. Answers are read to
/// a bound; addresses go through the egress guard; nothing is sent twice. Loop thread only.
class WebApi {
  public:
    struct Parts {
        http::Client& client;
        const security::EgressGuard& guard;
    };
    struct Options {
        std::string base_url;  ///< "https://slack.com"
        std::string user_agent;
        Duration total{15'000};
    };
    WebApi(Parts parts, Options options);

    /// `total` bounds a call that somebody waits for.
    runtime::Task<CallAnswer> post_json(std::string method, const security::Secret& token,
                                        json::Value arguments, std::optional<Duration> total = {});
    /// `token` may be empty, then there is no Authorization.
    runtime::Task<CallAnswer> post_form(std::string method, const security::Secret& token,
                                        Form arguments);
    /// With the client's id and secret (HTTP Basic): oauth.v2.access, apps.uninstall.
    runtime::Task<CallAnswer> post_as_app(std::string method, std::string basic, Form arguments);

  private:
    struct Call {
        std::string authorization;
        std::string_view type;
        std::string body;
        Duration total;
    };
    runtime::Task<CallAnswer> call(std::string method, Call what);

    Parts parts_;
    Options options_;
    std::shared_ptr<const http::Origin> origin_;
};

/// How long Slack asks to wait: 1 s to 1 h, 30 s where it does not say. `field` is Retry-After.
Duration pause_asked(std::string_view field);

/// Between Slack's refusal of a token and the look whether it was renewed meanwhile: Slack knows of
/// a new token a moment before it is written down here.
inline constexpr std::chrono::seconds renewal_time{1};

/// What an answer or a failure means; pure.
CallAnswer judge_call(const http::Client::Outcome& outcome);

/// `application/x-www-form-urlencoded`.
std::string encode_form(const Form& form);

}  // namespace blotter::connectors::slack
