#pragma once

#include "connectors/posting.hpp"
#include "documents/machine.hpp"
#include "observe/metrics.hpp"

namespace blotter::server {

/// What attempts to send documents come to, on one loop. Any thread reads.
struct PostingProbe {
    observe::CountersBy<documents::Outcome, 3> sends;
    observe::Histogram took;
    observe::Gauge in_flight;
    void show_on(observe::MetricsPage& page) const;
};

/// Another connector, with a count of what it does. Loop thread only.
class CountedPosting final : public connectors::PostingConnector {
  public:
    CountedPosting(connectors::PostingConnector& inner, PostingProbe& probe)
        : inner_(inner), probe_(probe) {}
    runtime::Task<connectors::PostingReport> post(connectors::PostingRequest request) override;

  private:
    connectors::PostingConnector& inner_;
    PostingProbe& probe_;
};

/// The ways into accounting systems, by kind.
class Postings final : public connectors::PostingConnectors {
  public:
    Postings(connectors::PostingConnector& webhook, PostingProbe& probe)
        : webhook_(webhook, probe) {}
    connectors::PostingConnector* find(std::string_view kind) override {
        return kind == "webhook" ? &webhook_ : nullptr;
    }

  private:
    CountedPosting webhook_;
};

}  // namespace blotter::server
