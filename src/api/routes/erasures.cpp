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
    ErasureRequest out{call.workspace_no, in.text_or("basis", basis_bytes_max, "request")};
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

runtime::Task<Result<Reply>> erase_one_envelope(Services& services, Call& call) {
    CO_TRY(const EnvelopeId id, path_id<EnvelopeId>(call, "envelope_id"));
    CO_TRY(const ErasureRequest request, read_request(call));
    auto reply = co_await mutate(
        services, call,
        [id, request, &hub = services.hub](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(json::Value summary, erase_envelope(tx, side, hub, request, id));
            return Reply{200, std::move(summary), {}};
        });
    co_return co_await finish(services, std::move(reply));
}

runtime::Task<Result<Reply>> erase_one_event(Services& services, Call& call) {
    CO_TRY(const EventId id, path_id<EventId>(call, "event_id"));
    CO_TRY(const ErasureRequest request, read_request(call));
    auto reply = co_await mutate(
        services, call,
        [id, request, &hub = services.hub](store::Tx& tx, WriterSide& side) -> Result<Reply> {
            TRY(json::Value summary, erase_event(tx, side, hub, request, id));
            return Reply{200, std::move(summary), {}};
        });
    co_return co_await finish(services, std::move(reply));
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
    using http::Method;
    return {
        {.method = Method::post,
         .path = "/v1/envelopes/{envelope_id}/erase",
         .operation = "eraseEnvelope",
         .tag = "erasure",
         .summary = "Erase the data of an envelope that has ended, with its events, its files and "
                    "what receivers answered; the same again gives the first answer",
         .permission = Permission::erasure_request,
         .takes = Takes::json,
         .request = "#ErasureRequest",
         .response = "#Erasure",
         .handler = erase_one_envelope},
        {.method = Method::post,
         .path = "/v1/events/{event_id}/erase",
         .operation = "eraseEvent",
         .tag = "erasure",
         .summary = "Erase the data of an event that belongs to no envelope",
         .permission = Permission::erasure_request,
         .takes = Takes::json,
         .request = "#ErasureRequest",
         .response = "#Erasure",
         .handler = erase_one_event},
    };
}

}  // namespace blotter::api
