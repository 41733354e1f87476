#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "runtime/clock.hpp"
#include "security/standard_webhooks.hpp"

namespace blotter::cli {

/// What a receiver came to think of a webhook.
enum class Verdict : std::uint8_t { verified, refused, unchecked };

/// One webhook as it came. Views of `headers` are valid while it lives.
struct ReceivedWebhook {
    Timestamp at;
    http::Method method = http::Method::post;
    std::string target;
    http::Headers headers;
    std::string body;
    Verdict verdict = Verdict::unchecked;
    std::string problem;  ///< why it was refused
    int answered = 0;
};

/// A receiver of webhooks: checks the signature, answers, tells. What an integrator would write,
/// with the answers chosen from outside. Lives on the loop of its server.
class WebhookReceiver final : public http::Handler {
  public:
    struct Options {
        int status = 200;
        std::string answer;       ///< JSON body of a good answer; empty: none
        unsigned fail_first = 0;  ///< this many webhooks are answered with `fail_status`
        int fail_status = 503;
        bool checks_signatures() const { return !secrets.empty(); }
        std::vector<std::string> secrets;  ///< empty: signatures are not checked
    };
    using Told = std::function<void(const ReceivedWebhook&)>;

    /// `clock` must outlive the receiver. Refuses secrets that are none.
    static Result<std::unique_ptr<WebhookReceiver>> create(Options options,
                                                           const runtime::Clock& clock, Told told);

    http::BodyRule body_rule(const http::Request& request) override;
    /// GET shows that it is there; anything but POST is 405; a bad signature is 401.
    runtime::Task<http::Response> handle(http::Request& request,
                                         http::RequestContext& context) override;

    /// Other secrets from now on. Loop thread only.
    Result<> set_secrets(const std::vector<std::string>& secrets);

  private:
    WebhookReceiver(Options options, const runtime::Clock& clock, Told told)
        : options_(std::move(options)), clock_(clock), told_(std::move(told)) {}
    void judge(ReceivedWebhook& webhook);

    Options options_;
    const runtime::Clock& clock_;
    Told told_;
    std::optional<security::WebhookVerifier> verifier_;
    std::uint64_t count_ = 0;
};

}  // namespace blotter::cli
