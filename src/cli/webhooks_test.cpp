// The receiver and the sender against each other, over real sockets.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/http_call.hpp"
#include "cli/listen.hpp"
#include "cli/test_installation.hpp"
#include "cli/trigger.hpp"
#include "runtime/system_network.hpp"
#include "runtime/task_group.hpp"

namespace blotter::cli {
namespace {

using testing::HasSubstr;
using namespace testing_installation;

/// A receiver on a thread of its own.
class Host {
  public:
    explicit Host(WebhookReceiver::Options options) {
        receiver_ = must(WebhookReceiver::create(
            std::move(options), clock_,
            [this](const ReceivedWebhook& webhook) { received.push_back(webhook); }));
        auto acceptor = must(network_.listen({.at = {boost::asio::ip::address_v4::loopback(), 0}}));
        url = "http://127.0.0.1:" + std::to_string(acceptor->local().port()) + "/hook";
        server_ = std::make_unique<http::Server>(loop_, std::move(acceptor), *receiver_);
        server_->start();
        thread_ = std::thread{[this] { loop_.run(); }};
    }
    ~Host() { stop(); }
    /// `received` may be read afterwards.
    void stop() {
        if (!thread_.joinable()) return;
        loop_.post([this] { tasks_.spawn(end()); });
        thread_.join();
    }

    std::string url;
    std::vector<ReceivedWebhook> received;

  private:
    runtime::Task<> end() {
        server_->close();
        co_await server_->join(loop_.now() + std::chrono::seconds{5});
        loop_.stop();
    }

    runtime::SystemClock clock_;
    runtime::Loop loop_{clock_};
    runtime::SystemNetwork network_{loop_};
    std::unique_ptr<WebhookReceiver> receiver_;
    std::unique_ptr<http::Server> server_;
    runtime::TaskGroup tasks_{loop_};
    std::thread thread_;
};

const std::string secret = "whsec_" + to_base64(Bytes(32, 7));
const std::string other_secret = "whsec_" + to_base64(Bytes(32, 8));

TEST(Webhooks, what_trigger_signs_the_receiver_verifies_and_another_secret_is_refused) {
    Host host{{.answer = R"({"accountingReferenceId":"L-1"})", .secrets = {other_secret, secret}}};
    Captured sent;
    EXPECT_EQ(
        trigger(sent.console, {.type = "envelope.completed", .url = host.url, .secret = secret}),
        exit_ok)
        << sent.text();
    EXPECT_THAT(sent.text(), HasSubstr("L-1"));
    Captured refused;
    EXPECT_EQ(trigger(refused.console, {.type = "envelope.completed",
                                        .url = host.url,
                                        .secret = "whsec_" + to_base64(Bytes(32, 9))}),
              exit_failed);
    EXPECT_THAT(refused.text(), HasSubstr("401"));
    host.stop();
    ASSERT_EQ(host.received.size(), 2U);
    EXPECT_EQ(host.received[0].verdict, Verdict::verified);
    EXPECT_EQ(host.received[1].verdict, Verdict::refused);
    const std::string shown = describe(host.received[0]);
    EXPECT_THAT(shown, HasSubstr("envelope.completed"));
    EXPECT_THAT(shown, HasSubstr("signature verified"));
    EXPECT_THAT(shown, HasSubstr("webhook-id: evt_"));
    EXPECT_THAT(shown, HasSubstr("\"test\": true"));
    EXPECT_THAT(describe(host.received[1]), HasSubstr("signature refused"));
}

TEST(Webhooks, the_receiver_fails_as_often_as_told_and_without_a_secret_checks_nothing) {
    Host host{{.fail_first = 2}};
    HttpCaller caller;
    for (const int expected : {503, 503, 200, 200}) {
        const auto answer =
            caller.call({.method = http::Method::post, .url = host.url, .body = "not JSON"});
        ASSERT_TRUE(answer) << answer.error().detail;
        EXPECT_EQ(answer->status, expected);
    }
    EXPECT_EQ(caller.call({.url = host.url})->status, 200);
    EXPECT_EQ(caller.call({.method = http::Method::put, .url = host.url})->status, 405);
    host.stop();
    ASSERT_EQ(host.received.size(), 4U);
    EXPECT_EQ(host.received[0].verdict, Verdict::unchecked);
    EXPECT_THAT(describe(host.received[0]), HasSubstr("not JSON"));
}

TEST(Webhooks, a_secret_that_is_none_is_refused_at_once) {
    Captured out;
    EXPECT_EQ(listen(out.console, {.receiver = {.secrets = {"whsec_not base64"}}}), exit_failed);
    EXPECT_EQ(listen(out.console, {.host = "nowhere"}), exit_failed);
    EXPECT_THAT(out.text(), HasSubstr("'nowhere' is no IP address"));
}

TEST(Trigger, says_what_is_missing) {
    Captured out;
    EXPECT_EQ(trigger(out.console, {.type = "envelope.done", .url = "http://127.0.0.1:1"}),
              exit_usage);
    EXPECT_THAT(out.text(), HasSubstr("envelope.completed"));
    EXPECT_EQ(trigger(out.console, {.type = "envelope.sent", .url = "http://127.0.0.1:1"}),
              exit_usage);
    EXPECT_THAT(out.text(), HasSubstr("BLOTTER_API_KEY"));
    EXPECT_EQ(trigger(out.console, {.type = "envelope.sent",
                                    .url = "http://127.0.0.1:1",
                                    .destination = "dst_1",
                                    .secret = secret}),
              exit_usage);
    EXPECT_EQ(trigger(out.console, {.type = "envelope.sent", .url = "x", .secret = secret}),
              exit_failed);
    EXPECT_EQ(trigger(out.console,
                      {.type = "envelope.sent", .url = "http://127.0.0.1:1/", .secret = secret}),
              exit_failed);
    EXPECT_THAT(out.text(), HasSubstr("no answer from http://127.0.0.1:1/"));
}

TEST(HttpCall, says_what_a_problem_document_says) {
    CallAnswer answer;
    answer.status = 422;
    answer.body = R"({"detail":"the amount is negative","errors":[{"pointer":"/amount"}]})";
    EXPECT_EQ(answer.words(), "422 Unprocessable Content: the amount is negative (at /amount)");
    answer.body = "busy";
    answer.status = 503;
    EXPECT_EQ(answer.words(), "503 Service Unavailable: busy");
}

}  // namespace
}  // namespace blotter::cli
