#pragma once

#include <exception>
#include <string>

#include <boost/intrusive/list.hpp>

#include "http/input_buffer.hpp"
#include "http/server.hpp"

/// Internal to the room: the server's side of one connection.
namespace blotter::http {

/// The body of the request being read: counts, limits and times it.
class RequestBody final : public BodyReader {
  public:
    RequestBody(runtime::Loop& loop, const ServerOptions& options, runtime::Stream& stream,
                InputBuffer& input)
        : loop_(loop), options_(options), stream_(stream), input_(input) {}

    void begin(const RequestHead& head, const BodyRule& rule);
    runtime::Task<Result<std::size_t>> read_some(std::span<char> into) override;
    std::optional<std::uint64_t> size() const override;

    /// The usual body: none, or one that came with the head. False when it has to be read.
    bool take_whole(std::string& out);
    /// The whole body into `out`, which grows as bytes come and not as they are announced.
    runtime::Task<Result<>> read_all(std::string& out);
    /// Reads on to the end of a body that nobody wanted, if little is left of it.
    runtime::Task<Result<>> discard();
    bool is_done() const;
    /// Whether `discard` could succeed: nothing failed and the rest is small or of unknown size.
    bool can_discard() const;
    std::uint64_t received() const { return received_; }

  private:
    Result<std::size_t> take(std::span<char> into);
    runtime::Task<Result<>> receive(std::span<char> into, std::size_t& received);
    runtime::Task<Result<>> invite();
    std::unexpected<Error> broken(Error error);

    runtime::Loop& loop_;
    const ServerOptions& options_;
    runtime::Stream& stream_;
    InputBuffer& input_;
    Framing framing_ = Framing::none;
    bool expects_continue_ = false;
    bool failed_ = false;
    std::uint64_t size_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t bytes_max_ = 0;
    Duration time_max_{};
    ChunkedDecoder decoder_;
    // Time spent waiting for the client; the handler's own time does not count against it.
    std::chrono::nanoseconds waited_{};
};

struct ServerState;

/// One connection: reads a request, has it answered, again.
class Session : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Session(ServerState& server, std::unique_ptr<runtime::Stream> stream);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    runtime::Task<> run();
    /// Ends an idle connection; makes a running request the last one.
    void stop();
    void cut() { stream_->close(); }

  private:
    enum class Next : std::uint8_t { request, end };

    /// The next head into `request_` and `head_`. False when the client has gone or is silent.
    runtime::Task<Result<bool>> read_head();
    Result<> parse_head();
    runtime::Task<Next> serve_request();
    Response excuse(const std::exception_ptr& failure);
    runtime::Task<Next> refuse(Error error);
    runtime::Task<Next> reply(Response& response);
    runtime::Task<Result<std::uint64_t>> write_response(Response& response);
    runtime::Task<Result<std::uint64_t>> write_streamed(Response& response);
    void write_head(const Response& response, std::string_view body, bool has_source);
    /// Lets the client read the last answer before the connection goes: what it still sends is
    /// read for a while, because unread data would make the system throw the answer away.
    runtime::Task<> linger();
    void rest();

    ServerState& server_;
    std::unique_ptr<runtime::Stream> stream_;
    runtime::Endpoint remote_;
    const std::string remote_text_;  ///< of its address: every request is logged with it
    InputBuffer input_;
    HeadScanner scanner_;
    RequestBody body_;
    Request request_;
    RequestHead head_;
    MonoTime received_{};
    std::string out_;
    bool idle_ = false;
    bool last_ = false;
    bool first_ = true;
};

/// What the sessions of one server share.
struct ServerState {
    runtime::Loop& loop;
    Handler& handler;
    ServerOptions options;
    Server& server;
    boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions{};
    std::size_t sessions_count = 0;
    std::unordered_map<std::string, std::size_t> per_address{};
    std::size_t turned_away = 0;
    bool stopping = false;

    /// "date: …\r\n", made anew once a second.
    std::string_view date_line();
    std::chrono::sys_seconds date_second{};
    std::string date_text{};
};

}  // namespace blotter::http
