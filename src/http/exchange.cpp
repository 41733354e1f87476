#include "http/exchange.hpp"

#include <algorithm>
#include <array>

namespace blotter::http {
namespace {

constexpr int interim_answers_max = 8;

std::unexpected<Error> too_slow(std::string_view what) {
    return fail(Errc::timeout, std::string{what});
}

/// A request as it is written: all parts in one go. Stays where it was made.
struct Outgoing {
    explicit Outgoing(const PreparedRequest& request) {
        const bool has_length = request.body || request.method == Method::post ||
                                request.method == Method::put || request.method == Method::patch;
        if (has_length)
            length = "content-length: " +
                     std::to_string(request.body ? request.body->size() : std::size_t{0});
        parts = {*request.head, request.fields, length, has_length ? "\r\n\r\n" : "\r\n",
                 request.body ? std::string_view{*request.body} : std::string_view{}};
    }
    Outgoing(const Outgoing&) = delete;
    Outgoing& operator=(const Outgoing&) = delete;

    std::string length;
    std::array<std::string_view, 5> parts;
};

}  // namespace

ExchangeRun::ExchangeRun(const Parts& parts, Exchange what)
    : loop_(parts.loop),
      network_(parts.network),
      resolver_(parts.resolver),
      pool_(parts.pool),
      what_(std::move(what)),
      start_(loop_.now()),
      total_deadline_(start_ + what_.limits.total) {
    pool_.running().push_back(*this);
}

MonoTime ExchangeRun::by(Duration limit) const {
    return std::min(total_deadline_, loop_.now() + limit);
}

MonoTime ExchangeRun::rate_deadline() const {
    const std::chrono::nanoseconds earned{static_cast<std::int64_t>(answer_bytes_) * 1'000'000'000 /
                                          std::max(what_.limits.rate_min, 1U)};
    return std::min(total_deadline_, answer_start_ + what_.limits.rate_grace + earned);
}

Client::Outcome ExchangeRun::fail_with(Error error) {
    facts_.timings.total = loop_.now() - start_;
    if (pool_.is_cut) error = {Errc::cancelled, "Blotter is stopping"};
    return std::unexpected(Failure{std::move(error), stage_, sent_, std::move(facts_)});
}

runtime::Task<Client::Outcome> ExchangeRun::run(Parts parts, Exchange what) {
    ExchangeRun self{parts, std::move(what)};
    auto requested = co_await self.request();
    if (!requested) co_return self.fail_with(std::move(requested).error());
    self.stage_ = Stage::head;
    auto head = co_await self.read_head();
    if (!head) co_return self.fail_with(std::move(head).error());
    self.stage_ = Stage::body;
    if (!self.take_small_body()) {
        auto body = co_await self.read_body();
        if (!body) co_return self.fail_with(std::move(body).error());
    }
    co_return self.finish();
}

Answer ExchangeRun::finish() {
    const MonoTime now = loop_.now();
    if (may_keep())
        pool_.keep(what_.origin->pool_key(), std::move(connection), now);
    else
        connection->stream->close();
    facts_.timings.total = now - start_;
    answer_.facts = std::move(facts_);
    return std::move(answer_);
}

runtime::Task<Result<>> ExchangeRun::request() {
    co_await loop_.end_of_turn();
    if (pool_.is_cut) co_return fail(Errc::cancelled, "Blotter is stopping");
    connection = pool_.take(*what_.origin, what_.check);
    if (connection) {
        facts_.reused = Facts::Reused::yes;
        facts_.remote = connection->stream->remote();
        facts_.tls = connection->tls;
        stage_ = Stage::write;
        const Outgoing out{what_.request};
        auto sent = co_await connection->stream->write(out.parts, total_deadline_);
        if (sent) sent_ = Failure::Sent::maybe;
        const bool stale = !sent && sent.error().code == Errc::connection_closed;
        if (!stale) co_return sent;
        // Not all of the request was taken by the system, so the other side cannot have it whole
        // and act on it: the one case in which a request may be written twice.
        connection.reset();
        facts_ = {};
        stage_ = Stage::resolve;
    }
    CO_CHECK(co_await open());
    stage_ = Stage::write;
    co_return co_await send();
}

OWN_FRAME runtime::Task<Result<>> ExchangeRun::open() {
    CO_TRY(auto addresses, co_await resolve());
    stage_ = Stage::vet;
    CO_CHECK(vet(addresses));
    stage_ = Stage::connect;
    CO_CHECK(co_await connect(std::move(addresses)));
    if (what_.origin->options().scheme == Scheme::https) {
        stage_ = Stage::tls;
        CO_CHECK(co_await start_tls());
    }
    co_return Result<>{};
}

runtime::Task<Result<std::vector<runtime::IpAddress>>> ExchangeRun::resolve() {
    if (const auto& literal = what_.origin->address())
        co_return std::vector<runtime::IpAddress>{*literal};
    const MonoTime start = loop_.now();
    auto addresses =
        co_await resolver_.resolve(what_.origin->options().host, by(what_.limits.resolve));
    facts_.timings.resolve = loop_.now() - start;
    co_return addresses;
}

Result<> ExchangeRun::vet(std::vector<runtime::IpAddress>& addresses) const {
    Result<> refusal = fail(Errc::resolve_failed, "the name has no address");
    std::erase_if(addresses, [&](const runtime::IpAddress& address) {
        auto allowed = what_.check(address, what_.origin->options().port);
        if (allowed) return false;
        refusal = std::move(allowed);
        return true;
    });
    return addresses.empty() ? refusal : Result<>{};
}

runtime::Task<Result<>> ExchangeRun::start_tls() {
    const OriginOptions& origin = what_.origin->options();
    const MonoTime start = loop_.now();
    runtime::TlsClientOptions options;
    options.server_name = origin.host;
    options.version_min = origin.tls_min;
    options.ca_pem = origin.ca_pem;
    options.session_key = what_.origin->pool_key();
    const MonoTime deadline = by(what_.limits.tls);
    auto stream =
        co_await network_.start_tls(std::move(connection->stream), std::move(options), deadline);
    facts_.timings.tls = loop_.now() - start;
    if (!stream) {
        connection.reset();
        co_return pass(std::move(stream).error());
    }
    connection->stream = *std::move(stream);
    connection->tls = std::make_shared<runtime::TlsInfo>(*connection->stream->tls());
    facts_.tls = connection->tls;
    co_return Result<>{};
}

runtime::Task<Result<>> ExchangeRun::send() {
    if (pool_.is_cut) co_return fail(Errc::cancelled, "Blotter is stopping");
    const Outgoing out{what_.request};
    auto written = co_await connection->stream->write(out.parts, total_deadline_);
    if (written) sent_ = Failure::Sent::maybe;
    co_return written;
}

runtime::Task<Result<>> ExchangeRun::read_head() {
    InputBuffer& input = connection->input;
    int interim = 0;
    bool started = !input.empty();
    MonoTime now = loop_.now();
    MonoTime first_byte_deadline = std::min(total_deadline_, now + what_.limits.first_byte);
    scanner_.reset();
    for (;;) {
        const HeadScanner::Found found = scanner_.scan(input.view());
        if (found == HeadScanner::Found::end) {
            CO_CHECK(take_head());
            if (head_.status >= 200) co_return Result<>{};
            if (++interim > interim_answers_max)
                co_return fail(Errc::too_many_interim, "there are too many interim (1xx) answers");
            // Each head counts anew: a final answer long after an interim one is not slow for that.
            started = !input.empty();
            first_byte_deadline = by(what_.limits.first_byte);
            scanner_.reset();
            continue;
        }
        CO_CHECK(check_unfinished_head(found));
        const MonoTime deadline = started ? rate_deadline() : first_byte_deadline;
        if (now >= deadline) co_return too_slow("the head of the answer came too slowly");
        const MonoTime before = now;
        const auto got = co_await connection->stream->read_some(input.room(), deadline);
        CO_CHECK(take_head_bytes(got, started));
        now = loop_.now();
        if (!started) {
            answer_start_ = now;
            answer_bytes_ = 0;
            if (facts_.timings.first_byte == std::chrono::nanoseconds{})
                facts_.timings.first_byte = answer_start_ - before;
        }
        answer_bytes_ += *got;
        started = true;
    }
}

/// One whole head, interim or final.
Result<> ExchangeRun::take_head() {
    InputBuffer& input = connection->input;
    const std::string_view text = input.view().substr(0, scanner_.size());
    TRY(head_, read_response_head(text, what_.request.method, what_.limits.head, answer_.headers));
    input.used(text.size());
    if (head_.status == 101)
        return fail(Errc::protocol_error, "the answer switches to another protocol");
    answer_.status = head_.status;
    return {};
}

/// What is wrong already with a head that is not complete.
Result<> ExchangeRun::check_unfinished_head(HeadScanner::Found found) const {
    if (found == HeadScanner::Found::bare_line)
        return fail(Errc::protocol_error, "a line of the answer ends without CR");
    const InputBuffer& input = connection->input;
    // What is no HTTP/1 answer is not waited for to its end.
    constexpr std::string_view start = "HTTP/1.";
    const std::size_t known = std::min(start.size(), input.size());
    if (input.view().substr(0, known) != start.substr(0, known))
        return fail(Errc::protocol_error, "the answer does not start with an HTTP/1 status");
    const std::size_t bytes_max = what_.limits.head.head_bytes_max;
    if (input.size() > bytes_max)
        return fail(Errc::headers_too_large, "the head of the answer is longer than " +
                                                 std::to_string(bytes_max) + " bytes");
    return {};
}

Result<> ExchangeRun::take_head_bytes(const Result<std::size_t>& got, bool started) {
    if (!got && got.error().code == Errc::timeout)
        return too_slow(started ? "the head of the answer came too slowly"
                                : "there was no answer in time");
    if (!got) return pass(got.error());
    if (*got == 0)
        return fail(Errc::connection_closed, started ? "the answer ended inside its head"
                                                     : "the other side ended the connection "
                                                       "without an answer");
    connection->input.received(*got);
    return {};
}

bool ExchangeRun::may_keep() const {
    // Anything behind the body belongs to no request: such a connection is not to be trusted.
    return head_.keep_alive && answer_.body_end == BodyEnd::complete && connection->input.empty() &&
           connection->stream->is_open();
}

}  // namespace blotter::http
