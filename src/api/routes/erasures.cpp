#include "api/routes/erasures.hpp"

#include <algorithm>

#include "api/erasure.hpp"
#include "api/helpers.hpp"
#include "base/json_reader.hpp"

namespace blotter::api {
namespace {

using security::Permission;

constexpr std::size_t basis_bytes_max = 64;

/// A word, so that no sentence about a person gets into the ledger.
Result<ErasureRequest> read_request(const Call& call) {
    json::ObjectReader in{call.body};
    ErasureRequest out{call.workspace_no, in.text_or("basis", basis_bytes_max, "request"),
                       call.principal.name};
    const bool plain = std::ranges::all_of(out.basis, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    });
    if (!plain || out.basis.empty())
        in.refuse("basis",
                  "'basis' is a word of a-z, 0-9, '_', '.' and '-', for example gdpr_17_1_b: it "
                  "goes into the ledger, which cannot be changed");
    CHECK(in.finish());
    return out;
}

/// The answer comes when the bytes of the files are gone, too. If the process ends before that,
/// they go at its next start.
runtime::Task<Result<Reply>> finish(Services& services, Result<Reply> reply) {
    if (!reply) co_return pass(std::move(reply).error());
    CO_CHECK(co_await store::write(
        services.loop, services.writer,
        [&blobs = services.blobs](store::Tx& tx) { return remove_doomed_blobs(tx.db(), blobs); }));
    co_return reply;
}

template <typename Id>
using Erase = Result<json::Value> (*)(store::Tx&, WriterSide&, delivery::Hub&,
                                      const ErasureRequest&, const Id&);

template <typename Id>
runtime::Task<Result<Reply>> erase_one(Services& services, Call& call, std::string_view name,
                                       Erase<Id> erase) {
    CO_TRY(const Id id, path_id<Id>(call, name));
    CO_TRY(const ErasureRequest request, read_request(call));
    auto reply = co_await mutate(services, call,
                                 [id, request, erase, &hub = services.hub](
                                     store::Tx& tx, WriterSide& side) -> Result<Reply> {
                                     TRY(json::Value summary, erase(tx, side, hub, request, id));
                                     return Reply{200, std::move(summary), {}};
                                 });
    co_return co_await finish(services, std::move(reply));
}

runtime::Task<Result<Reply>> erase_one_envelope(Services& services, Call& call) {
    return erase_one<EnvelopeId>(services, call, "envelope_id", erase_envelope);
}
runtime::Task<Result<Reply>> erase_one_document(Services& services, Call& call) {
    return erase_one<DocumentId>(services, call, "document_id", erase_document);
}
runtime::Task<Result<Reply>> erase_one_event(Services& services, Call& call) {
    return erase_one<EventId>(services, call, "event_id", erase_event);
}
runtime::Task<Result<Reply>> erase_one_quarantined(Services& services, Call& call) {
    return erase_one<QuarantineId>(services, call, "quarantine_id", erase_quarantined);
}

}  // namespace

std::vector<Component> erasure_components() {
    return {
        {"ErasureRequest",
         R"({"type":"object","properties":{"basis":{"type":"string","maxLength":64,)"
         R"("pattern":"^[a-z0-9_.-]+$","description":"Why, as a word for the ledger. )"
         R"(Default: request."}}})"},
        {"Erasure",
         R"({"type":"object","required":["subject","erased_at"],"properties":{)"
         R"("subject":{"type":"string"},"erased_at":{"type":"string","format":"date-time"},)"
         R"("basis":{"type":"string"},"events":{"type":"integer"},)"
         R"("deliveries_cancelled":{"type":"integer"},"files_removed":{"type":"integer"},)"
         R"("files_kept":{"type":"integer","description":)"
         R"("Files that something else names, too."}}})"},
    };
}

std::vector<Route> erasure_routes() {
    const auto route = [](std::string_view path, std::string_view operation,
                          std::string_view summary, Handler handler) {
        return Route{.method = http::Method::post,
                     .path = path,
                     .operation = operation,
                     .tag = "erasure",
                     .summary = summary,
                     .permission = Permission::erasure_request,
                     .takes = Takes::json,
                     .request = "#ErasureRequest",
                     .response = "#Erasure",
                     .handler = handler};
    };
    return {
        route("/v1/envelopes/{envelope_id}/erase", "eraseEnvelope",
              "Erase the data of an envelope that has ended, with its events, its files and what "
              "receivers answered; the same again gives the first answer",
              erase_one_envelope),
        route("/v1/documents/{document_id}/erase", "eraseDocument",
              "Erase the data of a document, with its events, its files and what the accounting "
              "system and receivers answered",
              erase_one_document),
        route("/v1/events/{event_id}/erase", "eraseEvent",
              "Erase the data of an event that belongs to no envelope or document",
              erase_one_event),
        route("/v1/quarantine/{quarantine_id}/erase", "eraseQuarantined",
              "Erase the data of an event that was set aside; one that waits is rejected with it",
              erase_one_quarantined),
    };
}

}  // namespace blotter::api
