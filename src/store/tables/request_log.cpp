#include "store/tables/request_log.hpp"

#include <array>
#include <charconv>

#include "base/invariant.hpp"
#include "store/tables/detail.hpp"

namespace blotter::store {
namespace {

using detail::Both;

constexpr sql::Query slice_insert{
    "request_slice.insert",
    "INSERT INTO request_slice (no, workspace_no, count, newest_ms, lines) "
    "VALUES ((SELECT COALESCE(max(no), 0) FROM request_slice) + ?2, ?1, ?2, ?3, ?4)"};
constexpr Both slice_list{
    {"request_slice.newest",
     "SELECT no, count, lines FROM request_slice WHERE workspace_no = ?1 AND no < ?2 "
     "ORDER BY no DESC LIMIT ?3"},
    {"request_slice.oldest",
     "SELECT no, count, lines FROM request_slice WHERE workspace_no = ?1 AND no > ?2 "
     "ORDER BY no LIMIT ?3"}};
constexpr sql::Query slice_trim{
    "request_slice.trim",
    "DELETE FROM request_slice WHERE no IN (SELECT no FROM request_slice "
    "WHERE no <= (SELECT max(no) FROM request_slice) - ?1 ORDER BY no LIMIT ?2)"};
constexpr sql::Query slice_purge{"request_slice.purge",
                                 "DELETE FROM request_slice WHERE newest_ms < ?1 "
                                 "AND no IN (SELECT no FROM request_slice ORDER BY no LIMIT ?2)"};

/// Fields of a line: at, key, status, took, method, remote, request id, path.
constexpr std::size_t field_count = 8;

void put(std::string& out, std::int64_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
    out += '\t';
}

void put(std::string& out, std::string_view text, char end) {
    for (const char c : text) out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    out += end;
}

/// What stands before the next `end`, which is taken off too.
std::optional<std::string_view> take(std::string_view& rest, char end) {
    const std::size_t at = rest.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view taken = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    return taken;
}

std::int64_t number_of(std::string_view digits) {
    std::int64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
}

/// The requests of a slice, the oldest first; those that another program damaged are left out.
std::vector<RequestLogRow> read_slice(const sql::Statement& s) {
    const std::int64_t last = s.integer(0);
    std::int64_t no = last - s.integer(1);
    std::string_view rest = s.text(2);
    std::vector<RequestLogRow> out;
    while (no < last) {
        ++no;
        auto line = take(rest, '\n');
        if (!line) break;
        std::array<std::string_view, field_count> fields;
        bool whole = true;
        for (std::size_t i = 0; i + 1 < field_count && whole; ++i) {
            const auto field = take(*line, '\t');
            whole = field.has_value();
            fields[i] = field.value_or("");
        }
        if (!whole) continue;
        out.push_back({{.at = from_ms(number_of(fields[0])),
                        .key_no = number_of(fields[1]),
                        .method = std::string{fields[4]},
                        .path = std::string{*line},
                        .status = static_cast<int>(number_of(fields[2])),
                        .took = std::chrono::microseconds{number_of(fields[3])},
                        .remote = std::string{fields[5]},
                        .request_id = std::string{fields[6]}},
                       no});
    }
    return out;
}

}  // namespace

void RequestSlice::add(const RequestLine& line) {
    INVARIANT(count < count_max);
    ++count;
    newest = std::max(newest, line.at);
    put(lines, to_ms(line.at));
    put(lines, line.key_no);
    put(lines, line.status);
    put(lines, line.took.count());
    put(lines, line.method, '\t');
    put(lines, line.remote, '\t');
    put(lines, line.request_id, '\t');
    put(lines, line.path, '\n');
}

Result<> insert_request_slice(sql::Connection& db, const RequestSlice& slice) {
    INVARIANT(slice.count > 0);
    return sql::run(db, slice_insert, slice.workspace_no, slice.count, slice.newest, slice.lines);
}

Result<Page<RequestLogRow>> list_request_log(sql::Connection& db, std::int64_t workspace_no,
                                             const PageOptions& page) {
    const std::size_t limit = detail::limit_of(page.limit);
    const bool newest_first = page.order == Order::newest_first;
    const std::int64_t start = detail::start_of(page);
    // The slice that a page ended in has a number of up to `count_max - 1` more than the row's.
    const std::int64_t slices_from =
        newest_first && page.after != 0 ? start + RequestSlice::count_max : start;
    const std::size_t slices_max = limit + RequestSlice::count_max;
    TRY(sql::Statement* const prepared, db.prepare(slice_list.in(page.order)));
    sql::Use use{prepared};
    sql::bind_all(*use, workspace_no, slices_from, slices_max);
    Page<RequestLogRow> out;
    std::int64_t position = start;
    for (std::size_t seen = 0; seen < slices_max; ++seen) {
        TRY(const bool found, use->step());
        if (!found) return out;
        std::vector<RequestLogRow> rows = read_slice(*use);
        if (newest_first) std::ranges::reverse(rows);
        for (RequestLogRow& row : rows) {
            const bool ahead = newest_first ? row.no < start : row.no > start;
            if (!ahead) continue;
            position = row.no;
            out.rows.push_back(std::move(row));
            if (out.rows.size() == limit) break;
        }
        if (out.rows.size() == limit) break;
    }
    out.next = position;
    return out;
}

Result<std::int64_t> trim_request_log(sql::Connection& db, const TrimOptions& options) {
    return detail::purge(db, slice_trim, options.keep, options.limit);
}

Result<std::int64_t> purge_request_log(sql::Connection& db, Timestamp before, std::size_t limit) {
    return detail::purge(db, slice_purge, before, limit);
}

}  // namespace blotter::store
