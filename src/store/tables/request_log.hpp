#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "store/tables/common.hpp"

/// Who asked for what, and what was answered. One row of the table holds a slice: what was written
/// together for one workspace, a line for each request. A row for each request would cost an event
/// as much as its entry in the ledger.
namespace blotter::store {

/// A request and its answer. `Text` is a view while it is noted, and its own when it is read.
template <typename Text>
struct RequestFacts {
    Timestamp at;
    std::int64_t key_no = 0;
    Text method;
    Text path;
    int status = 0;
    std::chrono::microseconds took{0};
    Text remote;
    Text request_id;
};
/// As it is noted. Control characters in texts are written as spaces.
using RequestLine = RequestFacts<std::string_view>;

/// What is written together: requests of one workspace, or those of none, the oldest first.
struct RequestSlice {
    static constexpr std::int64_t count_max = 64;

    std::optional<std::int64_t> workspace_no;
    std::int64_t count = 0;
    Timestamp newest;
    std::string lines;

    /// Not for a slice that has `count_max` already.
    void add(const RequestLine& line);
};
/// One that has lines.
Result<> insert_request_slice(sql::Connection& db, const RequestSlice& slice);

/// As it is read.
struct RequestLogRow : RequestFacts<std::string> {
    std::int64_t no = 0;  ///< without gaps over all workspaces
};
/// Positions are the rows' numbers.
Result<Page<RequestLogRow>> list_request_log(sql::Connection& db, std::int64_t workspace_no,
                                             const PageOptions& page);

/// Keeps the newest `keep` requests, and what shares a slice with them; deletes at most `limit`
/// slices.
struct TrimOptions {
    std::int64_t keep = 0;
    std::size_t limit = 1'000;
};
/// Gives how many slices went.
Result<std::int64_t> trim_request_log(sql::Connection& db, const TrimOptions& options);

/// Deletes slices of which all is older than a time, the oldest `limit` at most; gives how many.
Result<std::int64_t> purge_request_log(sql::Connection& db, Timestamp before, std::size_t limit);

}  // namespace blotter::store
