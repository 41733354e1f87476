#include "receivers.hpp"

#include <algorithm>

#include "runtime/start.hpp"

namespace blotter::sim {

using namespace std::chrono_literals;

namespace {

/// The longest that a sender may have been busy before its request was here: name, TCP, TLS.
constexpr std::chrono::seconds way_max{13};

std::string answer_text(std::string_view status, std::string_view fields, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{}", status,
        fields, body.size(), body);
}

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ULL;
    return hash;
}

}  // namespace

Receivers::Receivers(World& world, SimPlatform& platform, runtime::Loop& loop)
    : world_(world),
      platform_(platform),
      loop_(loop),
      dice_(world.dice.next()),
      open_(world.plan.destinations.size()) {}

Result<> Receivers::start() {
    for (std::uint32_t i = 0; i < open_.size(); ++i) {
        runtime::MemoryNetwork network{platform_.hub(), SimPlatform::receiver_address(i)};
        TRY(auto acceptor,
            network.listen({.at = endpoint_of(i), .tls = runtime::TlsServerOptions{}}));
        acceptors_.push_back(std::move(acceptor));
        apply_mood(i);
        runtime::start(loop_.executor(), accept(i));
    }
    return {};
}

void Receivers::apply_mood(std::uint32_t destination) {
    using Connect = runtime::LinkFaults::Connect;
    const Mood mood = world_.moods[destination];
    runtime::LinkFaults faults;
    faults.latency = world_.plan.destinations[destination].latency;
    faults.read_bytes_max = destination % 2 == 0 ? 0 : 900;
    if (mood == Mood::closed) faults.connect = Connect::refuse;
    if (mood == Mood::silent) faults.connect = Connect::ignore;
    platform_.hub().set_faults(endpoint_of(destination), faults);
    const std::string name = SimPlatform::receiver_name(destination);
    if (mood == Mood::nameless)
        platform_.resolver().set_failure(name, {Errc::resolve_failed, "no such name"});
    else
        platform_.resolver().set(name, {SimPlatform::receiver_address(destination)});
}

runtime::Task<> Receivers::accept(std::uint32_t destination) {
    for (;;) {
        auto stream = co_await acceptors_[destination]->accept();
        if (!stream) co_return;
        runtime::start(loop_.executor(), talk(std::move(*stream), destination));
    }
}

runtime::Task<> Receivers::talk(std::unique_ptr<runtime::Stream> stream,
                                std::uint32_t destination) {
    MessageReader reader{*stream};
    for (;;) {
        const auto request = co_await reader.next(loop_.now() + 10min);
        if (!request) co_return;
        const auto arrival = note(*request, destination);
        if (!arrival) co_return;
        const bool again = co_await answer(*stream, destination, *arrival);
        world_.history.arrivals[*arrival].over = true;
        std::erase(open_[destination], *arrival);
        if (!again) {
            stream->close();
            co_return;
        }
    }
}

std::optional<std::size_t> Receivers::note(const Message& request, std::uint32_t destination) {
    const auto event = world_.event_of(request.field("webhook-id"));
    if (!event) {
        world_.blame("P2", fmt::format("destination {} got an event that nobody sent: {}",
                                       destination, request.field("webhook-id")));
        return std::nullopt;
    }
    Arrival arrival;
    arrival.at = loop_.now();
    arrival.wall = loop_.clock().wall();
    arrival.destination = destination;
    arrival.event = *event;
    arrival.body_hash = hash_of(request.body);
    world_.trace.line("arrived d{} e{} {:016x}", destination, *event, arrival.body_hash);
    for (const Arrival& other : world_.history.arrivals)
        if (other.event == *event && other.destination == destination &&
            other.body_hash != arrival.body_hash)
            world_.blame("P2", fmt::format("event {} came to destination {} with another body",
                                           *event, destination));
    if (!world_.plan.destinations[destination].wants(world_.plan.events[*event].type))
        world_.blame("P2",
                     fmt::format("destination {} does not want event {}", destination, *event));
    check_signature(request, destination);
    world_.history.arrivals.push_back(arrival);
    open_[destination].push_back(world_.history.arrivals.size() - 1);
    check_concurrency(destination);
    return world_.history.arrivals.size() - 1;
}

/// Standard Webhooks: HMAC-SHA256 over "id.timestamp.body" with one of the secrets that may be
/// valid.
void Receivers::check_signature(const Message& request, std::uint32_t destination) {
    const std::string given = request.field("webhook-signature");
    const std::string content =
        request.field("webhook-id") + "." + request.field("webhook-timestamp") + "." + request.body;
    for (const std::string& secret : world_.secrets[destination])
        if (given.find("v1," + hmac_base64(secret, content)) != given.npos) return;
    world_.blame("signature", fmt::format("destination {} cannot verify {}", destination, given));
}

/// Counts only what the sender cannot have given up yet.
void Receivers::check_concurrency(std::uint32_t destination) {
    const DestinationPlan& plan = world_.plan.destinations[destination];
    const auto under_way = std::ranges::count_if(open_[destination], [&](std::size_t index) {
        const Arrival& one = world_.history.arrivals[index];
        return !one.said_yes && loop_.now() < one.at + plan.timeout - way_max;
    });
    if (static_cast<std::size_t>(under_way) > plan.concurrency)
        world_.blame("P10", fmt::format("destination {} has {} requests at once, {} were agreed",
                                        destination, under_way, plan.concurrency));
}

runtime::Task<> Receivers::rest(std::chrono::nanoseconds time) {
    co_await loop_.sleep_for(time);
}

runtime::Task<bool> Receivers::say(runtime::Stream& stream, std::string text) {
    const std::string_view parts[] = {text};
    const auto written = co_await stream.write(parts, loop_.now() + 1min);
    co_return written.has_value();
}

std::string Receivers::busy_answer() {
    constexpr std::array<std::string_view, 8> waits{"0",
                                                    "120",
                                                    "3600",
                                                    "-1",
                                                    "x",
                                                    "9999999999",
                                                    "Thu, 01 Jan 1970 00:00:00 GMT",
                                                    "Fri, 31 Dec 9999 23:59:59 GMT"};
    const std::string field = fmt::format("retry-after: {}\r\n", waits[dice_.below(waits.size())]);
    return answer_text(dice_.chance(50) ? "429 Too Many Requests" : "503 Service Unavailable",
                       field, "{}");
}

runtime::Task<bool> Receivers::answer(runtime::Stream& stream, std::uint32_t destination,
                                      std::size_t arrival) {
    constexpr std::array<std::string_view, 5> broken{"500 Oops", "502 Bad Gateway", "504 Late",
                                                     "501 What", "599 Odd"};
    constexpr std::array<std::string_view, 5> refused{"400 Bad", "401 Who", "403 No", "404 Where",
                                                      "422 Hm"};
    const Duration timeout = world_.plan.destinations[destination].timeout;
    Mood mood = world_.moods[destination];
    if (mood == Mood::fine && !world_.calm() && dice_.chance(2)) mood = Mood::resetting;
    const bool keeps = dice_.chance(80);
    const std::string_view fields = keeps ? "" : "connection: close\r\n";
    co_await rest(std::chrono::microseconds{dice_.between(100, 300'000)});
    switch (mood) {
        case Mood::failing:
            co_await say(stream, answer_text(broken[dice_.below(broken.size())], fields, "{}"));
            co_return keeps;
        case Mood::refusing:
            co_await say(stream, answer_text(refused[dice_.below(refused.size())], fields, "{}"));
            co_return keeps;
        case Mood::gone:
            co_await say(stream, answer_text("410 Gone", fields, ""));
            co_return keeps;
        case Mood::busy:
            co_await say(stream, busy_answer());
            co_return true;
        case Mood::redirecting:
            co_await say(stream, answer_text("307 Elsewhere",
                                             "location: https://r0.receivers.example/\r\n", ""));
            co_return keeps;
        case Mood::babbling:
            co_await say(stream, "SSH-2.0-hello\r\n\r\n");
            co_return false;
        case Mood::resetting:
            co_return false;
        case Mood::hanging:
            co_await rest(10min);
            co_return false;
        case Mood::half:
            // The status is what counts: the sender may take it for a yes.
            world_.history.arrivals[arrival].said_yes = loop_.now();
            co_await say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":");
            co_return false;
        case Mood::slow:
            co_await rest(std::chrono::milliseconds{dice_.between(500, 12'000)});
            break;
        case Mood::late:
            co_await rest(timeout + std::chrono::milliseconds{dice_.between(1'000, 20'000)});
            break;
        default:
            break;
    }
    const std::string body = fmt::format(R"({{"id":"ref-{}"}})", arrival);
    const bool said = co_await say(stream, answer_text("200 OK", fields, body));
    if (said) {
        world_.history.arrivals[arrival].said_yes = loop_.now();
        world_.trace.line("said yes d{} e{}", destination, world_.history.arrivals[arrival].event);
    }
    co_return said&& keeps;
}

}  // namespace blotter::sim
