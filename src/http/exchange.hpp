#pragma once

#include "http/pool.hpp"

/// Internal to the room: one request and its answer.
namespace blotter::http {

/// The steps of one exchange. Lives in the frame of `run`.
class ExchangeRun : private Running {
  public:
    /// What it needs of the client.
    struct Parts {
        runtime::Loop& loop;
        runtime::Network& network;
        runtime::Resolver& resolver;
        Pool& pool;
    };
    static runtime::Task<Client::Outcome> run(Parts parts, Exchange what);

    ExchangeRun(const ExchangeRun&) = delete;
    ExchangeRun& operator=(const ExchangeRun&) = delete;

  private:
    ExchangeRun(const Parts& parts, Exchange what);
    runtime::Task<Result<>> request();
    runtime::Task<Result<>> open();
    runtime::Task<Result<std::vector<runtime::IpAddress>>> resolve();
    Result<> vet(std::vector<runtime::IpAddress>& addresses) const;
    // exchange_connect.cpp
    runtime::Task<Result<>> connect(std::vector<runtime::IpAddress> addresses);
    runtime::Task<Result<std::unique_ptr<runtime::Stream>>> connect_to_one_of(
        std::vector<runtime::IpAddress> addresses, MonoTime deadline);
    runtime::Task<Result<>> start_tls();
    runtime::Task<Result<>> send();
    runtime::Task<Result<>> read_head();
    Result<> take_head();
    Result<> check_unfinished_head(HeadScanner::Found found) const;
    Result<> take_head_bytes(const Result<std::size_t>& got, bool started);
    /// The usual body: none, or one of a known small size that came with the head. False when it
    /// is another, of which nothing was taken.
    bool take_small_body();
    runtime::Task<Result<>> read_body();
    runtime::Task<Result<>> accept_body(std::string_view piece);
    /// The next body bytes of what is in the buffer; nothing when the chunks make no sense.
    std::optional<std::string_view> next_piece();
    bool body_is_whole() const;
    bool may_keep() const;
    Answer finish();
    MonoTime rate_deadline() const;
    MonoTime by(Duration limit) const;
    Client::Outcome fail_with(Error error);

    runtime::Loop& loop_;
    runtime::Network& network_;
    runtime::Resolver& resolver_;
    Pool& pool_;
    Exchange what_;
    HeadScanner scanner_;
    ChunkedDecoder decoder_;
    ResponseHead head_;
    Answer answer_;
    Facts facts_;
    Stage stage_ = Stage::resolve;
    Failure::Sent sent_ = Failure::Sent::no;
    MonoTime start_;
    MonoTime total_deadline_;
    MonoTime answer_start_{};         // when its first byte came
    std::uint64_t answer_bytes_ = 0;  // since then
};

}  // namespace blotter::http
