// The client's whole side of one exchange: what it makes of an answer does not depend on the
// pieces in which it arrives.
#include <fmt/format.h>

#include "fuzz/http_rig.hpp"
#include "fuzz/target.hpp"
#include "http/client.hpp"

namespace blotter::fuzz {
namespace {

constexpr std::uint64_t body_bytes_max = 1'000;

/// Hears one request, says the answer, ends sending.
runtime::Task<> answer(Machine& on, runtime::Acceptor& acceptor, std::string_view input) {
    auto stream = co_await acceptor.accept();
    INVARIANT(stream);
    std::string heard;
    std::array<char, 1024> piece{};
    while (!heard.ends_with("\r\n\r\nbody")) {
        const auto got = co_await (*stream)->read_some(piece, on.in(std::chrono::seconds{5}));
        if (!got || *got == 0) co_return;
        heard.append(piece.data(), *got);
    }
    const std::array<std::string_view, 1> parts{input};
    const auto sent = co_await (*stream)->write(parts, on.in(std::chrono::minutes{10}));
    if (sent) co_await (*stream)->shutdown(on.in(std::chrono::seconds{1}));
    std::string rest;
    co_await drain(on, **stream, rest);
}

std::string describe_outcome(const http::Client::Outcome& outcome) {
    // Of several things that are wrong, the pieces decide which is seen first.
    if (!outcome)
        return fmt::format("{} in {}", to_text(outcome.error().error.code),
                           to_text(outcome.error().stage));
    INVARIANT(outcome->status >= 200 && outcome->status <= 999);
    INVARIANT(outcome->body.size() <= body_bytes_max && outcome->body_bytes <= body_bytes_max);
    std::string out =
        fmt::format("{} {} {}\n", outcome->status, to_text(outcome->body_end), outcome->body);
    for (const auto& [name, value] : outcome->headers) out += fmt::format("{}: {}\n", name, value);
    return out;
}

runtime::Task<> ask(http::Client& client, runtime::Endpoint to, std::string& out) {
    const auto origin =
        http::Origin::make(
            {.scheme = http::Scheme::http, .host = to.address().to_string(), .port = to.port()})
            .value();
    http::Exchange exchange;
    exchange.origin = origin;
    exchange.request.head =
        std::make_shared<const std::string>(origin->make_head(http::Method::post, "/hook").value());
    exchange.request.body = std::make_shared<const std::string>("body");
    exchange.check = [](const runtime::IpAddress&, std::uint16_t) { return Result<>{}; };
    exchange.limits.body_bytes_max = body_bytes_max;
    exchange.limits.body_bytes_kept = body_bytes_max;
    const auto outcome = co_await client.exchange(std::move(exchange));
    out = describe_outcome(outcome);
}

std::string tell(std::string_view input, std::size_t read_bytes_max) {
    Machine machine{Draw{input}.next(), read_bytes_max};
    std::string out;
    {
        const auto acceptor = machine.network.listen({.at = {{}, 80}}).value();
        http::Client client{machine.loop, machine.network, machine.resolver};
        machine.group.spawn(answer(machine, *acceptor, input));
        machine.group.spawn(ask(client, acceptor->local(), out));
        machine.settle();
        client.cut();
        acceptor->close();
        machine.settle();
    }
    INVARIANT(!out.empty());
    return out;
}

}  // namespace

void run(std::string_view input) {
    const std::string whole = tell(input, 0);
    INVARIANT(tell(input, 1) == whole);
    INVARIANT(tell(input, 24) == whole);
}

}  // namespace blotter::fuzz
