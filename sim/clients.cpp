#include "clients.hpp"

#include <algorithm>

namespace blotter::sim {

using namespace std::chrono_literals;

runtime::Task<std::optional<Message>> Clients::ask(Question question) {
    runtime::MemoryNetwork network{platform_.hub(), boost::asio::ip::make_address("45.34.0.1")};
    auto stream = co_await network.connect({SimPlatform::own_address(), 443}, loop_.now() + 10s);
    if (!stream) co_return std::nullopt;
    std::string text =
        fmt::format("{} {} HTTP/1.1\r\nhost: blotter.example\r\n", question.method, question.path);
    text += fmt::format("authorization: Bearer {}\r\n", world_.owner_key);
    if (!world_.workspace.empty())
        text += fmt::format("blotter-workspace: {}\r\n", world_.workspace);
    if (!question.key.empty()) text += fmt::format("idempotency-key: {}\r\n", question.key);
    if (question.method == "POST") text += "content-type: application/json\r\n";
    text += fmt::format("content-length: {}\r\nconnection: close\r\n\r\n{}", question.body.size(),
                        question.body);
    const std::string_view parts[] = {text};
    const auto sent = co_await (*stream)->write(parts, loop_.now() + 30s);
    if (!sent) co_return std::nullopt;
    MessageReader reader{**stream};
    auto answer = co_await reader.next(loop_.now() + 60s);
    (*stream)->close();
    co_return answer;
}

std::string Clients::destination_body(std::uint32_t index) const {
    const DestinationPlan& plan = world_.plan.destinations[index];
    std::string types;
    for (const std::string& type : plan.types)
        types += fmt::format("{}\"{}\"", types.empty() ? "" : ",", type);
    if (types.empty()) types = "\"*\"";
    std::string schedule;
    if (plan.own_schedule)
        for (const Duration offset : plan.schedule)
            schedule += fmt::format("{}\"{}ms\"", schedule.empty() ? "" : ",", offset.count());
    return fmt::format(
        R"({{"name":"d{}","config":{{"url":"https://{}/hook","event_types":[{}],"concurrency":{},)"
        R"("rate_per_second":{},"timeout_ms":{},"schedule":[{}],"order":"{}"}}}})",
        index, SimPlatform::receiver_name(index), types, plan.concurrency, plan.rate,
        plan.timeout.count(), schedule, plan.ordered ? "per_envelope" : "none");
}

runtime::Task<> Clients::set_up() {
    const auto made = co_await ask({"POST", "/v1/workspaces", R"({"name":"Simulated"})", ""});
    if (!made || made->status() != 201) co_return;
    world_.workspace = member(made->body, "id");
    for (std::uint32_t i = 0; i < world_.plan.destinations.size(); ++i) {
        const auto answer = co_await ask({"POST", "/v1/destinations", destination_body(i), ""});
        if (!answer || answer->status() != 201) {
            world_.blame("set-up", answer ? answer->body : "no answer");
            co_return;
        }
        world_.destination_ids.push_back(member(answer->body, "id"));
        const std::string secret = member(answer->body, "signing_secret");
        world_.secrets.push_back({secret.substr(secret.find('_') + 1)});
    }
    done = true;
}

/// P10: who is sent away is told when to come back.
void Clients::check_refusal(const Message& answer, std::string_view of) {
    const int status = answer.status();
    if (status == 429 || status == 503 || status == 507) ++world_.history.refused;
    if ((status == 429 || status == 503) && answer.field("retry-after").empty())
        world_.blame("P10", fmt::format("{} was answered {} without Retry-After", of, status));
    if (status == 500 || (status >= 400 && status < 429 && status != 404 && status != 409))
        world_.blame("API", fmt::format("{} was answered {}: {}", of, status, answer.body));
}

void Clients::again(Step step) {
    world_.agenda.emplace(loop_.now() + dice_.span(1s, 10min), step);
}

runtime::Task<> Clients::submit(std::uint32_t event) {
    SentEvent& sent = world_.history.events[event];
    sent.asking = true;
    ++sent.tries;
    if (!sent.first_asked) sent.first_asked = loop_.now();
    const auto answer = co_await ask({"POST", "/v1/events", world_.plan.events[event].body, ""});
    sent.asking = false;
    const int status = answer ? answer->status() : 0;
    world_.trace.line("submitted e{} {}", event, status);
    if (status == 202 && member(answer->body, "status") == "accepted") {
        sent.acknowledged = true;
        if (member(answer->body, "id") != world_.plan.events[event].id.text())
            world_.blame("P1", fmt::format("event {} was acknowledged under another id", event));
        // Some clients are not sure and ask again.
        if (sent.tries == 1 && dice_.chance(5)) again({Deed::submit, event});
        co_return;
    }
    if (answer) check_refusal(*answer, fmt::format("event {}", event));
    again({Deed::submit, event});
}

std::string Clients::path_of(std::uint32_t destination, std::string_view action) const {
    return fmt::format("/v1/destinations/{}/{}", world_.destination_ids[destination], action);
}

runtime::Task<> Clients::order(Step step) {
    if (step.what == Deed::replay) {
        co_await replay_one(step.who);
        co_return;
    }
    if (step.what == Deed::cancel) {
        co_await cancel_one(step.who);
        co_return;
    }
    Question question{"POST", "", "{}", ""};
    if (step.what == Deed::replay_all) {
        // Whatever was sent to it may come again, from the moment of asking on.
        for (std::uint32_t event = 0; event < world_.plan.events.size(); ++event)
            world_.history.replays[{step.who, event}] = MonoTime::max();
        question.path = path_of(step.who, "replay");
        question.body = fmt::format(R"({{"from":"{}","until":"{}","state":"failed"}})",
                                    to_rfc3339(from_ms(0)), to_rfc3339(world_.clock.wall()));
    } else {
        question.path = path_of(step.who, step.what == Deed::pause     ? "pause"
                                          : step.what == Deed::disable ? "disable"
                                          : step.what == Deed::resume  ? "resume"
                                                                       : "rotate-secret");
    }
    const bool must_be = must_come_about(step.what);
    if (must_be) world_.awaited.push_back(step);
    world_.history.turned[step.who].push_back(world_.clock.wall());
    const auto answer = co_await ask(question);
    if (must_be)
        world_.awaited.erase(std::ranges::find_if(world_.awaited, [&](const Step& one) {
            return one.what == step.what && one.who == step.who;
        }));
    world_.history.turned[step.who].push_back(world_.clock.wall());
    const int status = answer ? answer->status() : 0;
    world_.trace.line("ordered {} d{} {}", to_text(step.what), step.who, status);
    if (answer) check_refusal(*answer, to_text(step.what));
    if (step.what == Deed::rotate && status == 200) {
        const std::string secret = member(answer->body, "signing_secret");
        world_.secrets[step.who].push_back(secret.substr(secret.find('_') + 1));
    }
    const bool unknown = status == 0 || status >= 500;
    if ((step.what == Deed::resume && status != 200) || (step.what == Deed::rotate && unknown))
        again(step);
}

/// The newest delivery of a destination is sent again.
runtime::Task<> Clients::replay_one(std::uint32_t destination) {
    const auto list = co_await ask({"GET",
                                    fmt::format("/v1/deliveries?destination_id={}&limit=1",
                                                world_.destination_ids[destination]),
                                    "", ""});
    if (!list || list->status() != 200) co_return;
    const std::string id = member(list->body, "id");
    const auto event = world_.event_of(member(list->body, "event_id"));
    if (id.empty() || !event) co_return;
    world_.history.replays[{destination, *event}] = MonoTime::max();
    const auto answer =
        co_await ask({"POST", fmt::format("/v1/deliveries/{}/replay", id), "{}", ""});
    world_.trace.line("replayed d{} e{} {}", destination, *event, answer ? answer->status() : 0);
    if (answer) check_refusal(*answer, "a replay");
}

/// One that waits is withdrawn.
runtime::Task<> Clients::cancel_one(std::uint32_t destination) {
    const auto list =
        co_await ask({"GET",
                      fmt::format("/v1/deliveries?destination_id={}&state=retrying&limit=1",
                                  world_.destination_ids[destination]),
                      "", ""});
    if (!list || list->status() != 200) co_return;
    const std::string id = member(list->body, "id");
    if (id.empty()) co_return;
    const auto answer =
        co_await ask({"POST", fmt::format("/v1/deliveries/{}/cancel", id), "{}", ""});
    world_.trace.line("cancelled d{} {}", destination, answer ? answer->status() : 0);
    if (answer) check_refusal(*answer, "a cancellation");
}

runtime::Task<> Clients::fetch_checkpoint() {
    const auto answer = co_await ask({"GET", "/v1/ledger/checkpoint", "", ""});
    if (!answer || answer->status() != 200) co_return;
    ShownCheckpoint shown;
    shown.origin = member(answer->body, "origin");
    shown.size = std::stoull(member(answer->body, "size"));
    shown.root = member(answer->body, "root");
    const std::string key = member(answer->body, "verifier_key");
    if (world_.history.verifier_key.empty()) world_.history.verifier_key = key;
    if (key != world_.history.verifier_key) world_.blame("P9", "the ledger's key has changed");
    const std::string signed_text =
        fmt::format("{}\\n{}\\n{}\\n", shown.origin, shown.size, shown.root);
    if (member(answer->body, "note").find(signed_text) != 0)
        world_.blame("P9", "the note of a checkpoint says something else than its fields");
    world_.trace.line("checkpoint {} {}", shown.size, shown.root);
    world_.history.checkpoints.push_back(std::move(shown));
}

runtime::Task<> Clients::check_view(std::uint32_t event) {
    done = false;
    const std::string& id = world_.plan.events[event].id.text();
    const auto answer = co_await ask({"GET", fmt::format("/v1/events/{}/deliveries", id), "", ""});
    if (!answer || answer->status() != 200) {
        world_.blame("P1", fmt::format("event {} cannot be read at the end: {}", event,
                                       answer ? answer->status() : 0));
    } else {
        for (const std::string_view open : {"queued", "retrying", "held", "in_flight"})
            if (answer->body.find(fmt::format("\"state\":\"{}\"", open)) != std::string::npos)
                world_.blame("P2", fmt::format("event {} is shown as {} at the end: {}", event,
                                               open, answer->body));
    }
    done = true;
}

}  // namespace blotter::sim
