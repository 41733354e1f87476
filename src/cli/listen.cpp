#include "cli/listen.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/json.hpp"
#include "runtime/system_network.hpp"

namespace blotter::cli {
namespace {

std::string event_of(const json::Value& body) {
    for (const char* name : {"type", "event"})
        if (const json::Value* value = body.find(name))
            if (const std::string* text = value->as_string()) return *text;
    return "no event type";
}

std::string verdict_line(const ReceivedWebhook& webhook) {
    switch (webhook.verdict) {
        case Verdict::verified:
            return "✓ signature verified";
        case Verdict::refused:
            return "✗ signature refused: " + webhook.problem;
        case Verdict::unchecked:
            break;
    }
    return "? signature not checked: start with --secret to check it";
}

/// The parts that live as long as the command.
struct Host {
    runtime::SystemClock clock;
    runtime::Loop loop{clock};
    runtime::SystemNetwork network{loop};
    std::unique_ptr<WebhookReceiver> receiver;
    std::unique_ptr<http::Server> server;
    runtime::TaskGroup tasks{loop};

    runtime::Task<> stop() {
        server->close();
        co_await server->join(loop.now() + std::chrono::seconds{5});
        loop.stop();
    }
};

Result<std::unique_ptr<runtime::Acceptor>> open_port(Host& host, const ListenOptions& options) {
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(options.host, error);
    if (error)
        return fail(Errc::invalid_argument,
                    fmt::format("--host: '{}' is no IP address", options.host));
    return host.network.listen({.at = runtime::Endpoint{ip, options.port}});
}

}  // namespace

std::string describe(const ReceivedWebhook& webhook) {
    const auto body = json::parse(webhook.body, {.bytes_max = webhook.body.size() + 1});
    std::string out =
        fmt::format("\n{}  {} {}  {}\n", to_rfc3339(webhook.at), http::to_text(webhook.method),
                    webhook.target, body ? event_of(*body) : "not JSON");
    out += fmt::format("  {}\n  answered with {}\n", verdict_line(webhook), webhook.answered);
    for (const http::Headers::Field field : webhook.headers)
        out += fmt::format("  {}: {}\n", field.name, field.value);
    out += '\n';
    out += body ? json::to_pretty_text(*body) : webhook.body;
    if (!out.ends_with('\n')) out += '\n';
    return out;
}

int listen(Console& console, ListenOptions options) {
    Host host;
    auto receiver = WebhookReceiver::create(
        options.receiver, host.clock,
        [&console](const ReceivedWebhook& webhook) { console.raw(describe(webhook)); });
    if (!receiver) return console.failed(receiver.error());
    host.receiver = *std::move(receiver);
    auto acceptor = open_port(host, options);
    if (!acceptor) return console.failed(acceptor.error());
    const runtime::Endpoint at = (*acceptor)->local();
    host.server = std::make_unique<http::Server>(host.loop, *std::move(acceptor), *host.receiver);
    host.server->start();
    const bool v6 = at.address().is_v6();
    console.line("Listening on http://{}{}{}:{}/ (Ctrl-C ends it).", v6 ? "[" : "",
                 at.address().to_string(), v6 ? "]" : "", at.port());
    console.line("{}",
                 options.receiver.checks_signatures()
                     ? "Signatures are checked; a webhook with a wrong one is answered with 401."
                     : "Signatures are not checked: give --secret whsec_… to check them.");
    boost::asio::signal_set signals{host.loop.context(), SIGINT, SIGTERM};
    signals.async_wait([&host](const boost::system::error_code& error, int) {
        if (!error) host.tasks.spawn(host.stop());
    });
    host.loop.run();
    console.line("\nStopped.");
    return exit_ok;
}

}  // namespace blotter::cli
