#include <array>
#include <charconv>

#include "http/session.hpp"

namespace blotter::http {
namespace {

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// Fields that say how the message is framed: the server writes them itself.
bool is_framing(std::string_view name) {
    switch (name.size()) {
        case 4:
            return equal_ignoring_case(name, "date");
        case 10:
            return equal_ignoring_case(name, "connection");
        case 14:
            return equal_ignoring_case(name, "content-length");
        case 17:
            return equal_ignoring_case(name, "transfer-encoding");
        default:
            return false;
    }
}

bool has_no_body(int status) {
    return status < 200 || status == 204 || status == 304;
}

/// Sends the pieces of a streamed body, the first one together with the head.
class StreamedBody final : public BodyWriter {
  public:
    enum class Coding : std::uint8_t { plain, chunked };

    StreamedBody(runtime::Loop& loop, const ServerOptions& options, runtime::Stream& stream,
                 std::string& head, Coding coding)
        : loop_(loop), options_(options), stream_(stream), head_(head), coding_(coding) {}

    runtime::Task<Result<>> write(std::string_view piece) override {
        if (piece.empty()) co_return Result<>{};
        sent_ += piece.size();
        if (coding_ == Coding::plain) co_return co_await send({{piece}});
        std::array<char, 18> line;
        const auto end = std::to_chars(line.data(), line.data() + 16, piece.size(), 16).ptr;
        end[0] = '\r';
        end[1] = '\n';
        const std::string_view size_line{line.data(),
                                         static_cast<std::size_t>(end + 2 - line.data())};
        co_return co_await send({{size_line, piece, "\r\n"}});
    }
    runtime::Task<Result<>> finish() {
        if (coding_ == Coding::chunked) co_return co_await send({{"0\r\n\r\n"}});
        if (!head_.empty()) co_return co_await send({});
        co_return Result<>{};
    }
    std::uint64_t sent() const { return sent_; }

  private:
    runtime::Task<Result<>> send(std::array<std::string_view, 3> parts) {
        const std::array<std::string_view, 4> all{head_, parts[0], parts[1], parts[2]};
        const auto size = static_cast<std::int64_t>(parts[1].size() + parts[0].size());
        const std::chrono::seconds extra{size / std::max(options_.body_rate_min, 1U)};
        auto written = co_await stream_.write(all, loop_.now() + options_.write_time + extra);
        head_.clear();
        co_return written;
    }

    runtime::Loop& loop_;
    const ServerOptions& options_;
    runtime::Stream& stream_;
    std::string& head_;
    Coding coding_;
    std::uint64_t sent_ = 0;
};

}  // namespace

void Session::write_head(const Response& response, std::string_view body, bool has_source) {
    out_.clear();
    out_ += "HTTP/1.1 ";
    append_number(out_, static_cast<std::uint64_t>(response.status));
    out_.append(" ").append(reason_of(response.status)).append("\r\n");
    out_ += server_.date_line();
    out_ += response.fixed_fields;
    for (const auto [name, value] : response.headers)
        if (!is_framing(name)) out_.append(name).append(": ").append(value).append("\r\n");
    const auto size = has_source ? response.source->size() : std::optional{body.size()};
    if (!has_no_body(response.status)) {
        if (size) {
            out_ += "content-length: ";
            append_number(out_, *size);
            out_ += "\r\n";
        } else if (head_.minor_version == 1) {
            out_ += "transfer-encoding: chunked\r\n";
        } else {
            last_ = true;  // HTTP/1.0: the end of the connection ends the body
        }
    }
    if (last_) {
        out_ += "connection: close\r\n";
    } else if (head_.minor_version == 0) {
        out_ += "connection: keep-alive\r\n";
    }
    out_ += "\r\n";
}

runtime::Task<Result<std::uint64_t>> Session::write_response(Response& response) {
    const bool has_source = response.source != nullptr;
    const std::string_view body = response.shared_body ? *response.shared_body : response.body;
    write_head(response, body, has_source);
    const bool silent = request_.method == Method::head || has_no_body(response.status);
    const ServerOptions& options = server_.options;
    if (!has_source || silent) {
        const std::array<std::string_view, 2> parts{out_, silent ? std::string_view{} : body};
        const std::chrono::seconds extra{static_cast<std::int64_t>(parts[1].size()) /
                                         std::max(options.body_rate_min, 1U)};
        CO_CHECK(co_await stream_->write(parts, server_.loop.now() + options.write_time + extra));
        co_return parts[1].size();
    }
    co_return co_await write_streamed(response);
}

OWN_FRAME runtime::Task<Result<std::uint64_t>> Session::write_streamed(Response& response) {
    const auto size = response.source->size();
    const bool chunked = !size && head_.minor_version == 1;
    StreamedBody writer{server_.loop, server_.options, *stream_, out_,
                        chunked ? StreamedBody::Coding::chunked : StreamedBody::Coding::plain};
    CO_CHECK(co_await response.source->write_to(writer));
    if (size && writer.sent() != *size)
        co_return fail(Errc::internal, "the body of an answer has another size than announced");
    CO_CHECK(co_await writer.finish());
    co_return writer.sent();
}

}  // namespace blotter::http
