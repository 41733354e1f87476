#include "connectors/webhook/webhook.hpp"

#include <deque>

#include <gtest/gtest.h>

#include "runtime/memory_network.hpp"
#include "runtime/signal.hpp"
#include "runtime/task_group.hpp"
#include "security/standard_webhooks.hpp"
#include "security/test_random.hpp"

namespace blotter::connectors {
namespace {

/// Gives what the store had when it was asked, as late as the test wants.
class SlowSecrets final : public SecretSource {
  public:
    explicit SlowSecrets(runtime::Loop& loop) : wake_(loop) {}
    runtime::Task<Result<DestinationSecrets>> load(std::int64_t, std::int64_t) override {
        ++asked;
        DestinationSecrets out;
        out.signing.push_back(*security::WebhookSecret::parse(now_valid));
        while (held) co_await wake_.wait();
        co_return out;
    }
    void let_go() {
        held = false;
        wake_.notify();
    }

    std::string now_valid = "the first secret of this test";
    bool held = false;
    int asked = 0;

  private:
    runtime::Signal wake_;
};

/// One connector whose requests reach nobody: what would have been sent is in the report.
struct Rig {
    runtime::ManualClock clock;
    runtime::Loop loop{clock};
    runtime::SeededEntropy entropy{1};
    runtime::MemoryHub hub{loop, entropy};
    runtime::MemoryNetwork network{hub};
    runtime::MemoryResolver resolver{loop};
    http::Client client{loop, network, resolver};
    SlowSecrets secrets{loop};
    security::EgressGuard guard =
        *security::EgressGuard::create({.allow = {*security::Cidr::parse("127.0.0.1/32")}});
    LinkSigner links{
        security::Secret::copy_of(std::string_view{"a key for links, of this test, long enough"}),
        "https://b.example"};
    WebhookConnector connector{{loop, client, secrets, guard, links}, {}};
    runtime::TaskGroup group{loop};
    std::deque<AttemptReport> reports;

    routing::TargetPtr target(std::int64_t version) const {
        auto out = std::make_shared<routing::Target>();
        out->destination.id = *DestinationId::parse("dst_01J9ZC3M4N0000000000000003");
        out->destination.no = 7;
        out->destination.workspace_no = 1;
        out->destination.version = version;
        out->destination.webhook.url = "https://127.0.0.1:8443/version-" + std::to_string(version);
        return out;
    }
    runtime::Task<> attempt(routing::TargetPtr target) {
        auto event = std::make_shared<EventFacts>();
        event->id = *EventId::parse("evt_01J9ZC3M4N0000000000000001");
        event->data = json::Object{};
        AttemptRequest request{event, std::move(target), 1, clock.wall()};
        AttemptReport report = std::move(*co_await connector.attempt(std::move(request)));
        reports.push_back(std::move(report));
    }
    void turn() {
        for (int i = 0; i < 200; ++i) {
            while (loop.poll() > 0) {
            }
            clock.advance(std::chrono::milliseconds{50});
        }
    }
    AttemptReport now(const routing::TargetPtr& target) {
        group.spawn(attempt(target));
        turn();
        EXPECT_EQ(reports.size(), 1U);
        AttemptReport out = std::move(reports.front());
        reports.pop_front();
        return out;
    }
    /// Whether what would have been sent is signed with that secret.
    static bool is_signed_with(const AttemptReport& report, const std::string& secret) {
        const std::string head =
            report.attempt.request_headers(*EventId::parse("evt_01J9ZC3M4N0000000000000001"));
        const auto field = [&head](const std::string& name) {
            const auto at = head.find("\r\n" + name + ": ");
            if (at == std::string::npos) return std::string{};
            const auto from = at + name.size() + 4;
            return head.substr(from, head.find("\r\n", from) - from);
        };
        const auto key = security::WebhookSecret::parse(secret);
        auto signer = security::WebhookSigner::create({&*key, 1});
        EventFacts event;
        event.id = *EventId::parse("evt_01J9ZC3M4N0000000000000001");
        event.data = json::Object{};
        const Links links{[](const FileId&) { return std::string{}; }, {}};
        const std::string body = render_body(event, BodyFormat::standard, false, links);
        const std::chrono::sys_seconds at{
            std::chrono::seconds{std::stoll("0" + field("webhook-timestamp"))}};
        return field("webhook-signature") ==
               signer->sign({"evt_01J9ZC3M4N0000000000000001", at, as_bytes(body)}).value();
    }
};

TEST(WebhookConnector, keeps_what_it_made_until_it_is_told_to_forget) {
    Rig rig;
    EXPECT_TRUE(Rig::is_signed_with(rig.now(rig.target(1)), rig.secrets.now_valid));
    (void)rig.now(rig.target(1));
    EXPECT_EQ(rig.secrets.asked, 1);
    rig.connector.forget(7);
    (void)rig.now(rig.target(1));
    EXPECT_EQ(rig.secrets.asked, 2);
}

TEST(WebhookConnector, does_not_keep_secrets_that_were_read_before_a_rotation) {
    Rig rig;
    rig.secrets.held = true;
    rig.group.spawn(rig.attempt(rig.target(1)));
    rig.turn();
    ASSERT_EQ(rig.secrets.asked, 1) << "it waits for the secrets from before";
    rig.secrets.now_valid = "the second secret of this test";
    rig.connector.forget(7);
    rig.secrets.let_go();
    rig.turn();
    ASSERT_EQ(rig.reports.size(), 1U);
    EXPECT_TRUE(Rig::is_signed_with(rig.reports.front(), rig.secrets.now_valid));
    rig.reports.clear();
    EXPECT_TRUE(Rig::is_signed_with(rig.now(rig.target(2)), rig.secrets.now_valid));
}

TEST(WebhookConnector, an_attempt_for_an_older_version_does_not_bring_its_settings_back) {
    Rig rig;
    (void)rig.now(rig.target(2));
    const AttemptReport old = rig.now(rig.target(1));
    EXPECT_TRUE(old.attempt.request_headers(EventId{}).starts_with("POST /version-1 "));
    const AttemptReport next = rig.now(rig.target(2));
    EXPECT_TRUE(next.attempt.request_headers(EventId{}).starts_with("POST /version-2 "));
    EXPECT_EQ(rig.secrets.asked, 2) << "what was made for the newer version is still there";
}

}  // namespace
}  // namespace blotter::connectors
