#pragma once

#include <functional>

#include "connectors/connector.hpp"
#include "connectors/links.hpp"
#include "connectors/slack/poster.hpp"

namespace blotter::connectors {

/// Destinations of kind `slack`: one message per event and channel, written ahead, paced, and
/// folded into a summary when too many wait. Loop thread only.
class SlackConnector final : public Connector {
  public:
    struct Options {
        slack::Buttons buttons = slack::Buttons::links;
        std::string envelope_url;  ///< with {id}
        std::uint32_t fold_after = 100;
        /// How many deliveries of the destination wait behind this one.
        std::function<std::uint32_t(std::int64_t destination_no)> waiting;
    };
    struct Parts {
        runtime::Loop& loop;
        runtime::Entropy& entropy;
        slack::Poster& poster;
        const LinkSigner& links;
    };
    SlackConnector(Parts parts, Options options);

    runtime::Task<ReportPtr> attempt(AttemptRequest request) override;
    /// Nothing is kept between attempts.
    void forget(std::int64_t) override {}

  private:
    runtime::Task<bool> folded(const slack::Plan& plan, const store::SlackMessageRow& row,
                               AttemptReport& report);
    slack::Draft draft_of(const AttemptRequest& request, store::SlackMessageRow row) const;

    Parts parts_;
    Options options_;
};

}  // namespace blotter::connectors
