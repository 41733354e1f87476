#include "server/postings.hpp"

#include "api/document_sender.hpp"

namespace blotter::server {

void PostingProbe::show_on(observe::MetricsPage& page) const {
    page.add({"blotter_document_sends_total",
              "Attempts to send a document or a sample to accounting, by what they came to"},
             "outcome", sends);
    page.add({"blotter_document_send_seconds", "How long accounting systems took, or were given"},
             {}, took);
    page.add({"blotter_document_sends_in_flight", "Documents that are being sent"}, {}, in_flight);
}

runtime::Task<connectors::PostingReport> CountedPosting::post(connectors::PostingRequest request) {
    const observe::InFlight under_way{probe_.in_flight};
    const Duration time_max = request.time_max;
    const Timestamp at = request.started_at;
    connectors::PostingReport report = co_await inner_.post(std::move(request));
    probe_.sends[api::judge_posting(report, time_max, at).outcome].add();
    probe_.took.observe(report.attempt.attempt.took);
    co_return report;
}

}  // namespace blotter::server
