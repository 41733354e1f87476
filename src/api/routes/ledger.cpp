#include <fmt/format.h>

#include "api/checkpoint_wait.hpp"
#include "api/helpers.hpp"
#include "ledger/book.hpp"
#include "ledger/proof.hpp"
#include "ledger/sealer.hpp"
#include "store/tables/events.hpp"
#include "store/tables/logs.hpp"

namespace blotter::api {
namespace {

struct Sealed {
    store::LogRow log;
    store::CheckpointRow checkpoint;
};

/// The workspace's log and its latest signed checkpoint.
Result<Sealed> load_sealed(sql::Connection& db, std::int64_t workspace_no) {
    TRY(const auto log, store::find_open_log(db, workspace_no));
    if (!log) return fail(Errc::not_found, "nothing was written to this workspace's ledger yet");
    TRY(const auto checkpoint, store::last_checkpoint(db, log->no));
    if (!checkpoint)
        return fail(Errc::unavailable,
                    "the first checkpoint is not signed yet: try again in a second");
    return Sealed{*log, *checkpoint};
}

template <typename Work>
runtime::Task<std::invoke_result_t<Work&, sql::Connection&>> read_sealed(Services& services,
                                                                         Work work) {
    co_return co_await read_covered(services, std::move(work), [](const auto& found) {
        return found || found.error().code != Errc::unavailable;
    });
}

runtime::Task<Result<Reply>> get_checkpoint(Services& services, Call& call) {
    const auto load = [no = call.workspace_no](sql::Connection& db) { return load_sealed(db, no); };
    CO_TRY(const Sealed sealed, co_await read_sealed(services, load));
    CO_TRY(std::string key, services.sealer.verifier_key(sealed.log.origin));
    co_return Reply{200,
                    json::Object{{"origin", sealed.log.origin},
                                 {"size", sealed.checkpoint.size},
                                 {"root", to_base64(sealed.checkpoint.root)},
                                 {"signed_at", to_rfc3339(sealed.checkpoint.signed_at)},
                                 {"note", sealed.checkpoint.note},
                                 {"verifier_key", std::move(key)}},
                    {}};
}

/// C2SP tlog-tiles below the checkpoint: what a monitor reads. Only tiles of the signed tree.
runtime::Task<Result<Reply>> get_tile(Services& services, Call& call) {
    auto tile = ledger::parse_tile_path("tile/" + std::string{call.path.get("tile")});
    if (!tile) co_return fail(Errc::not_found, "there is no such tile");
    CO_TRY(Bytes bytes,
           co_await store::read(
               services.loop, services.reader,
               [no = call.workspace_no, tile = *tile](sql::Connection& db) -> Result<Bytes> {
                   TRY(const Sealed sealed, load_sealed(db, no));
                   const auto size = static_cast<std::uint64_t>(sealed.checkpoint.size);
                   const auto there = ledger::tile_at(tile.level, tile.index, size);
                   if (!there || tile.width > there->width)
                       return fail(Errc::not_found, "there is no such tile in the signed tree");
                   ledger::StoredTiles tiles{db, sealed.log.no};
                   return tiles.read_tile(tile);
               }));
    co_return Reply{
        200, {}, http::make_response(200, "application/octet-stream", std::string{as_text(bytes)})};
}

Result<std::string> make_proof(sql::Connection& db, std::int64_t workspace_no, EventId event) {
    TRY(const auto row, store::find_event_leaf(db, workspace_no, event));
    if (!row) return fail(Errc::not_found, "there is no such event in this workspace");
    TRY(const auto checkpoint, store::checkpoint_covering(db, row->log_no, row->leaf + 1));
    if (!checkpoint)
        return fail(Errc::unavailable,
                    "no signed checkpoint covers this event yet: try again in a second");
    TRY(const auto entry, ledger::load_entry(db, row->log_no, row->leaf));
    if (!entry) return fail(Errc::corrupt, "the leaf of this event is missing from the ledger");
    ledger::StoredTiles tiles{db, row->log_no};
    const auto size = static_cast<std::uint64_t>(checkpoint->size);
    ledger::TileHashReader hashes{tiles, size};
    ledger::LogProof proof;
    proof.extra = Bytes(entry->begin(), entry->end());
    proof.index = static_cast<std::uint64_t>(row->leaf);
    TRY(proof.hashes, ledger::prove_inclusion(proof.index, size, hashes));
    proof.checkpoint = checkpoint->note;
    return ledger::to_text(proof);
}

runtime::Task<Result<Reply>> get_event_proof(Services& services, Call& call) {
    CO_TRY(const EventId event, path_id<EventId>(call, "event_id"));
    const auto load = [no = call.workspace_no, event = event](sql::Connection& db) {
        return make_proof(db, no, event);
    };
    CO_TRY(std::string proof, co_await read_sealed(services, load));
    co_return Reply{
        200, {}, http::make_response(200, "text/plain; charset=utf-8", std::move(proof))};
}

}  // namespace

RouteGroup ledger_routes() {
    RouteGroup group;
    group.components = {
        {"Checkpoint",
         R"({"type":"object","properties":{"origin":{"type":"string"},"size":{"type":"integer"},)"
         R"("root":{"type":"string"},"signed_at":{"type":"string","format":"date-time"},)"
         R"("note":{"type":"string"},"verifier_key":{"type":"string"}}})"}};
    const auto route = [](std::string_view path, std::string_view operation,
                          std::string_view summary, std::string_view response, Handler handler) {
        return Route{.method = http::Method::get,
                     .path = path,
                     .operation = operation,
                     .tag = "ledger",
                     .summary = summary,
                     .permission = security::Permission::ledger_read,
                     .response = response,
                     .handler = handler};
    };
    group.routes = {
        route("/v1/ledger/checkpoint", "getCheckpoint",
              "The latest signed checkpoint of the workspace's log", "#Checkpoint", get_checkpoint),
        route("/v1/ledger/tile/{tile...}", "getTile",
              "A tile or entry bundle of the log (C2SP tlog-tiles)", "application/octet-stream",
              get_tile),
        route("/v1/events/{event_id}/proof", "getEventProof",
              "Proof that the event is in the log (C2SP tlog-proof)", "text/plain",
              get_event_proof),
    };
    return group;
}

}  // namespace blotter::api
