#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "api/route.hpp"
#include "store/tables/common.hpp"

namespace blotter::api {

/// Page positions as clients carry them: signed, so that they cannot be made up, and bound to the
/// operation and the workspace, so that they fit nowhere else.
class Cursors {
  public:
    Cursors(const security::Secret& key, std::string_view operation, std::int64_t workspace_no);
    std::string make(std::int64_t first, std::int64_t second = 0) const;
    /// Errc::invalid_argument for anything else than what `make` gave for the same place.
    Result<std::pair<std::int64_t, std::int64_t>> read(std::string_view text) const;

  private:
    Digest mac(std::int64_t first, std::int64_t second) const;
    const security::Secret& key_;
    std::string place_;
};

/// `limit` (1 to 200, default 50), `cursor` and `order` (newest | oldest) of a list.
struct PageQuery {
    store::PageOptions page;
    std::int64_t second = 0;  ///< the second part of the cursor, for positions in time
};
Result<PageQuery> read_page(Services& services, const Call& call, std::string_view operation);

/// How a list names these in the description, after what else it takes.
std::vector<Parameter> page_parameters(std::vector<Parameter> others = {});

/// {"data": […], "next_cursor": …}.
json::Value make_list(Services& services, const Call& call, std::string_view operation,
                      json::Array data, std::optional<std::int64_t> next, std::int64_t second = 0);

/// JSON null for what is empty.
json::Value text_or_null(const std::string& text);
json::Value time_or_null(const std::optional<Timestamp>& at);

/// A path parameter as an id; not_found for text that is none, so that nothing can be guessed.
template <typename IdType>
Result<IdType> path_id(const Call& call, std::string_view name) {
    auto id = IdType::parse(call.path.get(name));
    if (!id) return fail(Errc::not_found, "there is no such thing in this workspace");
    return *id;
}
template <typename IdType>
Result<std::optional<IdType>> query_id(const Call& call, std::string_view name) {
    const std::string* text = call.query.find(name);
    if (text == nullptr) return std::nullopt;
    auto id = IdType::parse(*text);
    if (!id) return fail(Errc::invalid_argument, id.error().detail, "/query/" + std::string{name});
    return *id;
}
Result<std::optional<Timestamp>> query_time(const Call& call, std::string_view name);

/// Runs `work(store::Tx&, WriterSide&) -> Result<Reply>` in one transaction and answers once it is
/// durable. With an Idempotency-Key, the answer is kept with the effect: the same request again
/// gets the same answer, another one under the same key Errc::conflict. Appends to the ledger go
/// last in `work`.
template <typename Work>
runtime::Task<Result<Reply>> mutate(Services& services, Call& call, Work work);

/// The parts of `mutate` that do not depend on the work.
struct Idempotency {
    bool wanted = false;
    Digest key_hash{};
    Digest request_hash{};
    std::int64_t workspace_no = 0;
    WorkspaceId workspace;
};
Result<Idempotency> read_idempotency(const Call& call);
Result<std::optional<Reply>> begin_idempotent(store::Tx& tx, WriterSide& side,
                                              const Idempotency& what);
Result<> end_idempotent(store::Tx& tx, WriterSide& side, const Idempotency& what,
                        const Reply& reply);

template <typename Work>
runtime::Task<Result<Reply>> mutate(Services& services, Call& call, Work work) {
    CO_TRY(Idempotency once, read_idempotency(call));
    co_return co_await store::write(services.loop, services.writer,
                                    [&side = services.writer_side, once, work = std::move(work)](
                                        store::Tx& tx) mutable -> Result<Reply> {
                                        if (!once.wanted) return work(tx, side);
                                        TRY(auto before, begin_idempotent(tx, side, once));
                                        if (before) return std::move(*before);
                                        TRY(Reply reply, work(tx, side));
                                        CHECK(end_idempotent(tx, side, once, reply));
                                        return reply;
                                    });
}

}  // namespace blotter::api
