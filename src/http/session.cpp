#include "http/session.hpp"

#include <array>

#include "http/problem.hpp"

namespace blotter::http {
namespace {

constexpr std::chrono::seconds hard_margin{1};
constexpr std::chrono::seconds linger_time{2};
// More than the largest file that is usually taken: who sends one that is too large, and reads only
// afterwards, shall still find the refusal. The time is the bound that counts.
constexpr std::size_t linger_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t kept_bytes_max = 4 * 1024;

void release_if_large(std::string& text) {
    text.clear();
    if (text.capacity() > kept_bytes_max) text.shrink_to_fit();
}

}  // namespace

std::string_view ServerState::date_line() {
    const auto now = std::chrono::floor<std::chrono::seconds>(loop.clock().wall());
    if (now != date_second || date_text.empty()) {
        date_second = now;
        date_text = "date: " + to_http_date(now) + "\r\n";
    }
    return date_text;
}

Session::Session(ServerState& server, std::unique_ptr<runtime::Stream> stream)
    : server_(server),
      stream_(std::move(stream)),
      remote_(stream_->remote()),
      remote_text_(remote_.address().to_string()),
      body_(server.loop, server.options, *stream_, input_) {
    server_.sessions.push_back(*this);
    ++server_.sessions_count;
    if (server_.options.connections_per_address_max > 0) ++server_.per_address[remote_text_];
}

Session::~Session() {
    --server_.sessions_count;
    if (server_.options.connections_per_address_max == 0) return;
    const auto found = server_.per_address.find(remote_text_);
    if (found != server_.per_address.end() && --found->second == 0)
        server_.per_address.erase(found);
}

void Session::stop() {
    last_ = true;
    if (idle_) stream_->close();
}

runtime::Task<> Session::run() {
    Next next = Next::request;
    while (next == Next::request) {
        auto heard = co_await read_head();
        if (!heard) {
            next = co_await refuse(std::move(heard).error());
        } else if (*heard) {
            next = co_await serve_request();
        } else {
            break;
        }
        first_ = false;
        rest();
    }
    stream_->close();
}

void Session::rest() {
    release_if_large(request_.body);
    release_if_large(out_);
    input_.rest();
}

runtime::Task<Result<bool>> Session::read_head() {
    const ServerOptions& options = server_.options;
    request_.method = Method::get;
    request_.target.clear();
    head_ = {};
    body_.begin(head_, {.bytes_max = 0});
    scanner_.reset();
    if (last_ && input_.empty()) co_return false;
    received_ = server_.loop.now();
    bool waiting = input_.empty();
    MonoTime deadline = received_ + (waiting && !first_ ? options.idle_time : options.head_time);
    for (;;) {
        // What is no HTTP at all (a TLS greeting on a plain port) is not waited for to its end.
        if (!input_.empty() && (input_.view().front() < 'A' || input_.view().front() > 'Z'))
            co_return fail(Errc::malformed, "this is not an HTTP request");
        const HeadScanner::Found found = scanner_.scan(input_.view());
        if (found == HeadScanner::Found::end) break;
        if (found == HeadScanner::Found::bare_line)
            co_return fail(Errc::malformed, "a line ends without a carriage return");
        // The line is longer than the target may be together with method and version.
        if (!scanner_.past_first_line() && input_.size() > options.head.target_bytes_max + 64)
            co_return fail(Errc::uri_too_long, "the request line is too long");
        if (input_.size() > options.head.head_bytes_max)
            co_return fail(Errc::headers_too_large, "the request head is too long");
        idle_ = input_.empty();
        const auto got = co_await stream_->read_some(input_.room(), deadline + hard_margin);
        idle_ = false;
        if (!got || *got == 0) co_return false;
        input_.received(*got);
        received_ = server_.loop.now();
        if (waiting) deadline = received_ + options.head_time;
        waiting = false;
        if (received_ >= deadline)
            co_return fail(Errc::timeout, "the request head came too slowly");
    }
    CO_CHECK(parse_head());
    co_return true;
}

Result<> Session::parse_head() {
    const std::string_view text = input_.view().substr(0, scanner_.size());
    TRY(head_, read_request_head(text, server_.options.head, request_));
    input_.used(text.size());
    return {};
}

runtime::Task<Session::Next> Session::serve_request() {
    RequestContext context;
    context.remote = remote_text_;
    context.tls = stream_->tls();
    context.received = received_;
    const BodyRule rule = server_.handler.body_rule(request_);
    body_.begin(head_, rule);
    if (head_.framing == Framing::length && head_.content_length > rule.bytes_max)
        co_return co_await refuse({Errc::too_large, "the body has " +
                                                        std::to_string(head_.content_length) +
                                                        " bytes, and this address takes at most " +
                                                        std::to_string(rule.bytes_max)});
    if (rule.how == BodyRule::How::buffer && !body_.take_whole(request_.body)) {
        auto read = co_await body_.read_all(request_.body);
        if (!read) co_return co_await refuse(std::move(read).error());
    } else if (rule.how != BodyRule::How::buffer) {
        context.body = &body_;
    }
    std::optional<Response> response;
    try {
        response = co_await server_.handler.handle(request_, context);
    } catch (...) {
        response = excuse(std::current_exception());
    }
    co_return co_await reply(*response);
}

/// The answer when the handler threw.
Response Session::excuse(const std::exception_ptr& failure) {
    if (server_.server.on_exception) server_.server.on_exception(failure);
    Response response = make_problem(
        {Errc::internal, "the request could not be finished; the log of the server says why"});
    response.keep = Response::Keep::close;
    return response;
}

OWN_FRAME runtime::Task<Session::Next> Session::refuse(Error error) {
    // A connection that broke has nobody to tell.
    if (!stream_->is_open() || error.code == Errc::connection_closed) co_return Next::end;
    Response response = make_problem(error);
    response.keep = Response::Keep::close;
    co_return co_await reply(response);
}

runtime::Task<Session::Next> Session::reply(Response& response) {
    last_ = last_ || server_.stopping || !head_.keep_alive ||
            response.keep == Response::Keep::close || !body_.can_discard();
    const auto written = co_await write_response(response);
    if (const auto& tell = server_.server.on_exchanged)
        tell(Exchanged{request_.method, request_.target, response.status, body_.received(),
                       written.value_or(0), server_.loop.now() - received_, remote_});
    if (!written) co_return Next::end;
    if (last_) {
        co_await linger();
        co_return Next::end;
    }
    if (body_.is_done()) co_return Next::request;
    const auto discarded = co_await body_.discard();
    co_return discarded ? Next::request : Next::end;
}

OWN_FRAME runtime::Task<> Session::linger() {
    if (!stream_->is_open()) co_return;
    const MonoTime deadline = server_.loop.now() + linger_time;
    co_await stream_->shutdown(deadline);
    std::array<char, 16 * 1024> thrown;
    for (std::size_t total = 0; total < linger_bytes_max;) {
        const auto got = co_await stream_->read_some(thrown, deadline);
        if (!got || *got == 0 || server_.loop.now() >= deadline) break;
        total += *got;
    }
}

}  // namespace blotter::http
