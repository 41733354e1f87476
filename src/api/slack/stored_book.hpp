#pragma once

#include "api/slack/connections.hpp"
#include "connectors/slack/book.hpp"

namespace blotter::api {

/// The book of Slack messages in the store: read on the reader's threads, opened on this loop,
/// written on the writer. Every message that was sent or failed gets a leaf in the ledger.
class StoredSlackBook final : public connectors::slack::Book {
  public:
    struct Parts {
        runtime::Loop& loop;
        store::Writer& writer;
        store::Reader& reader;
        WriterSide& writer_side;
        intake::Keyring& keys;  ///< this loop's own
        observe::Logger& log;
    };
    StoredSlackBook(Parts parts, std::int64_t run) : parts_(parts), run_(run) {}

    runtime::Task<Result<connectors::slack::Plan>> plan(SlackConnectionId connection,
                                                        std::int64_t workspace_no,
                                                        store::SlackMessageRow message) override;
    runtime::Task<Result<Begun>> begin(store::SlackMessageRow message,
                                       AmbiguityPolicy policy) override;
    runtime::Task<Result<>> finish(connectors::slack::Ended ended) override;
    runtime::Task<Result<>> fold(store::SlackMessageRow message, bool is_last) override;
    runtime::Task<Result<bool>> is_folding(std::int64_t connection_no,
                                           std::string channel) override;

  private:
    Parts parts_;
    std::int64_t run_;
};

}  // namespace blotter::api
