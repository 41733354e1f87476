#include "server/demo_receivers.hpp"

#include <array>
#include <future>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "http/problem.hpp"
#include "runtime/system_network.hpp"
#include "runtime/task_group.hpp"

namespace blotter::server {
namespace {

constexpr std::array<std::string_view, 3> paths{"/accounting", "/erp", "/archive"};

}  // namespace

/// Sends each request to the receiver of its path.
struct DemoReceivers::Impl final : http::Handler {
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    std::array<std::vector<cli::ReceivedWebhook>, 3> received;
    std::array<std::unique_ptr<cli::WebhookReceiver>, 3> receivers;
    std::unique_ptr<http::Server> server;
    runtime::Endpoint at;
    runtime::TaskGroup tasks{loop};
    std::jthread thread;

    http::BodyRule body_rule(const http::Request& request) override {
        return receivers[0]->body_rule(request);
    }
    runtime::Task<http::Response> handle(http::Request& request,
                                         http::RequestContext& context) override {
        for (std::size_t i = 0; i < paths.size(); ++i)
            if (request.path() == paths[i])
                co_return co_await receivers[i]->handle(request, context);
        co_return http::make_problem({Errc::not_found, "there is no receiver of this name"});
    }
    Result<> make(std::size_t i, cli::WebhookReceiver::Options options) {
        TRY(receivers[i],
            cli::WebhookReceiver::create(std::move(options), clock,
                                         [this, i](const cli::ReceivedWebhook& webhook) {
                                             received[i].push_back(webhook);
                                         }));
        return {};
    }
    runtime::Task<> stop() {
        server->close();
        co_await server->join(loop.now() + std::chrono::seconds{2});
        loop.stop();
    }
    /// Runs `work` on the loop's thread and gives what it returned.
    template <typename Work>
    auto ask(Work work) -> std::invoke_result_t<Work> {
        std::promise<std::invoke_result_t<Work>> answer;
        loop.post([&] { answer.set_value(work()); });
        return answer.get_future().get();
    }
};

DemoReceivers::DemoReceivers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DemoReceivers::~DemoReceivers() {
    impl_->loop.post([impl = impl_.get()] { impl->tasks.spawn(impl->stop()); });
    impl_->thread.join();
}

Result<std::unique_ptr<DemoReceivers>> DemoReceivers::start() {
    auto impl = std::make_unique<Impl>();
    cli::WebhookReceiver::Options good;
    good.answer = fmt::format(R"({{"accountingReferenceId":"{}"}})", reference);
    CHECK(impl->make(0, std::move(good)));
    CHECK(impl->make(1, {}));
    cli::WebhookReceiver::Options bad;
    bad.fail_first = std::numeric_limits<unsigned>::max();
    CHECK(impl->make(2, std::move(bad)));
    TRY(auto acceptor, impl->network.listen({.at = {boost::asio::ip::address_v4::loopback(), 0}}));
    impl->at = acceptor->local();
    impl->server = std::make_unique<http::Server>(impl->loop, std::move(acceptor), *impl);
    impl->server->start();
    impl->thread = std::jthread{[impl = impl.get()] { impl->loop.run(); }};
    return std::unique_ptr<DemoReceivers>{new DemoReceivers{std::move(impl)}};
}

std::string DemoReceivers::url(Which which) const {
    return fmt::format("http://127.0.0.1:{}{}", impl_->at.port(),
                       paths[static_cast<std::size_t>(which)]);
}

Result<> DemoReceivers::set_secret(Which which, const std::string& secret) {
    return impl_->ask(
        [&] { return impl_->receivers[static_cast<std::size_t>(which)]->set_secrets({secret}); });
}

std::vector<cli::ReceivedWebhook> DemoReceivers::received(Which which) const {
    return impl_->ask([&] { return impl_->received[static_cast<std::size_t>(which)]; });
}

}  // namespace blotter::server
