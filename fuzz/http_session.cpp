// The server's whole side of one connection: what it makes of bytes does not depend on the pieces
// in which they arrive, and every answer is one that our own client understands.
#include <fmt/format.h>

#include "fuzz/http_rig.hpp"
#include "fuzz/target.hpp"
#include "http/server.hpp"

namespace blotter::fuzz {
namespace {

constexpr std::uint64_t body_bytes_max = 2'000;

/// Notes every request and answers with what it saw; paths that begin with /s stream.
class Notes : public http::Handler {
  public:
    http::BodyRule body_rule(const http::Request& request) override {
        using How = http::BodyRule::How;
        return {.how = request.path().starts_with("/s") ? How::stream : How::buffer,
                .bytes_max = body_bytes_max};
    }
    runtime::Task<http::Response> handle(http::Request& request,
                                         http::RequestContext& context) override {
        std::string body = request.body;
        std::array<char, 512> piece{};
        while (context.body != nullptr) {
            const auto got = co_await context.body->read_some(piece);
            if (got && *got > 0) {
                body.append(piece.data(), *got);
                continue;
            }
            // How much of a body that fails is handed out before depends on the pieces.
            if (!got) body = "!" + describe(got.error());
            break;
        }
        INVARIANT(body.size() <= body_bytes_max + 200);
        seen += fmt::format("{} {}\n", to_text(request.method), request.target);
        for (const auto& [name, value] : request.headers)
            seen += fmt::format("{}: {}\n", name, value);
        seen += body + "\n";
        co_return http::make_response(200, "text/plain", std::move(body));
    }
    std::string seen;
};

runtime::Task<> talk(Machine& on, runtime::Endpoint to, std::string_view input, std::string& got) {
    auto stream = co_await on.network.connect(to, on.in(std::chrono::seconds{5}));
    INVARIANT(stream);
    const std::array<std::string_view, 1> parts{input};
    const auto sent = co_await (*stream)->write(parts, on.in(std::chrono::minutes{10}));
    if (sent) co_await (*stream)->shutdown(on.in(std::chrono::minutes{10}));
    co_await drain(on, **stream, got);
}

struct Story {
    std::string seen;
    std::string answers;
    bool operator==(const Story&) const = default;
};

/// An invitation to send is not written when the body is there already: pieces decide.
void leave_out_invitations(std::string& answers) {
    constexpr std::string_view invitation = "HTTP/1.1 100 Continue\r\n\r\n";
    for (auto at = answers.find(invitation); at != std::string::npos; at = answers.find(invitation))
        answers.erase(at, invitation.size());
}

Story tell(std::string_view input, std::size_t read_bytes_max) {
    Machine machine{Draw{input}.next(), read_bytes_max};
    Notes notes;
    Story out;
    {
        auto acceptor = machine.network.listen({.at = {{}, 80}}).value();
        http::Server server{machine.loop, std::move(acceptor), notes};
        server.on_exception = [](std::exception_ptr) { INVARIANT(!"a handler threw"); };
        server.start();
        machine.group.spawn(talk(machine, server.acceptor().local(), input, out.answers));
        machine.settle();
        INVARIANT(server.connections() == 0);
        server.close();
        machine.group.spawn(server.join(machine.in(std::chrono::seconds{1})));
        machine.settle();
    }
    leave_out_invitations(out.answers);
    out.seen = std::move(notes.seen);
    return out;
}

/// The answers one after the other; returns how many.
std::size_t check_answers(std::string_view answers) {
    std::size_t count = 0;
    while (!answers.empty()) {
        const std::size_t end = answers.find("\r\n\r\n");
        INVARIANT(end != std::string_view::npos);
        http::Headers headers;
        const auto head =
            http::read_response_head(answers.substr(0, end + 4), http::Method::get, {}, headers);
        INVARIANT(head);
        answers.remove_prefix(end + 4);
        ++count;
        // The answer to HEAD announces a body and has none: it is the last that is counted.
        if (answers.size() < head->content_length) break;
        answers.remove_prefix(head->content_length);
        if (!answers.empty() && !answers.starts_with("HTTP/1.1 ")) break;
    }
    return count;
}

}  // namespace

void run(std::string_view input) {
    const Story whole = tell(input, 0);
    check_answers(whole.answers);
    INVARIANT(tell(input, 1) == whole);
    INVARIANT(tell(input, 24) == whole);
}

}  // namespace blotter::fuzz
