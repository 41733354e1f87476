#include "image.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>

#include <sqlite3.h>

namespace blotter::sim {
namespace {

struct CloseDatabase {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct EndStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

/// One row of an answer.
class Row {
  public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
    std::optional<std::int64_t> maybe(int column) const {
        if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
        return number(column);
    }
    std::string bytes(int column) const {
        const void* data = sqlite3_column_blob(statement_, column);
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
        return data == nullptr ? std::string{} : std::string{static_cast<const char*>(data), size};
    }

  private:
    sqlite3_stmt* statement_;
};

class Reading {
  public:
    explicit Reading(sqlite3* db) : db_(db) {}
    /// Later queries are left out after a failure.
    void each(const char* query, const std::function<void(const Row&)>& take) {
        if (code_ != SQLITE_OK) return;
        sqlite3_stmt* raw = nullptr;
        code_ = sqlite3_prepare_v2(db_, query, -1, &raw, nullptr);
        const std::unique_ptr<sqlite3_stmt, EndStatement> statement{raw};
        if (code_ != SQLITE_OK) return;
        while ((code_ = sqlite3_step(raw)) == SQLITE_ROW) take(Row{raw});
        if (code_ == SQLITE_DONE) code_ = SQLITE_OK;
    }
    Result<> end() const {
        if (code_ == SQLITE_OK) return {};
        return fail(Errc::corrupt,
                    std::string{"the database cannot be read: "} + sqlite3_errmsg(db_));
    }

  private:
    sqlite3* db_;
    int code_ = SQLITE_OK;
};

/// A detail that is no JSON begins with a one and the number of its form, in LEB128.
std::optional<std::int64_t> form_in(const std::string& detail) {
    if (detail.empty() || detail[0] != 1) return std::nullopt;
    std::int64_t number = 0;
    for (std::size_t i = 1; i < detail.size() && i < 10; ++i) {
        number |= static_cast<std::int64_t>(detail[i] & 0x7f) << (7 * (i - 1));
        if ((detail[i] & 0x80) == 0) break;
    }
    return number;
}

/// The number in front, in LEB128.
std::int64_t take_number(std::string_view& bytes) {
    std::int64_t number = 0;
    for (int shift = 0; !bytes.empty() && shift < 63; shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        number |= static_cast<std::int64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return number;
}

/// The entry in front: a byte for its number in the block, two for its length.
void read_delivered(std::int64_t block, std::string_view& entries, Image& out) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(entries[i]); };
    if (entries.size() < 3) {
        entries = {};
        return;
    }
    Image::Delivery d;
    d.no = block * 64 + byte(0);
    const std::size_t length = static_cast<std::size_t>(byte(1)) << 8 | byte(2);
    std::string_view body = entries.substr(3, length);
    entries.remove_prefix(std::min(3 + length, entries.size()));
    d.event_seq = take_number(body);
    d.destination_no = take_number(body);
    take_number(body);  // the workspace
    d.created_ms = take_number(body);
    const std::int64_t later = take_number(body);
    d.first_ms = d.created_ms + (later % 2 == 0 ? later / 2 : -(later / 2) - 1);
    d.state = 5;
    d.attempts = 1;
    if (!body.empty()) {
        const std::int64_t took_us = take_number(body);
        const auto outcome = static_cast<int>(take_number(body));
        const std::int64_t status = take_number(body);
        out.attempts.push_back({d.no, 1, *d.first_ms, took_us, outcome,
                                status > 0 ? std::optional{status - 1} : std::nullopt,
                                form_in(std::string{body})});
    }
    out.deliveries.push_back(std::move(d));
}

/// One leaf stands as it is, several each behind two bytes of length, the high one first.
std::vector<std::string> split_leaves(const std::string& bytes, std::int64_t count) {
    if (count == 1) return {bytes};
    std::vector<std::string> out;
    for (std::size_t at = 0; at + 2 <= bytes.size();) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
        const std::size_t length = static_cast<std::size_t>(byte(at)) << 8 | byte(at + 1);
        out.push_back(bytes.substr(at + 2, length));
        at += 2 + length;
    }
    // What is missing shows as empty leaves.
    out.resize(static_cast<std::size_t>(count));
    return out;
}

void read_ledger(Reading& reading, Image& out) {
    reading.each("SELECT no, origin FROM log",
                 [&](const Row& row) { out.origins[row.number(0)] = row.bytes(1); });
    // 2^36 * log + number of the first.
    reading.each("SELECT key >> 36, key & ((1 << 36) - 1), entry, count FROM leaf ORDER BY key",
                 [&](const Row& row) {
                     auto& leaves = out.leaves[row.number(0)];
                     // A gap shows as empty leaves, and so does what is written twice.
                     const auto first = static_cast<std::size_t>(row.number(1));
                     const bool twice = first < leaves.size();
                     leaves.resize(std::max(leaves.size(), first));
                     for (std::string& entry : split_leaves(row.bytes(2), row.number(3)))
                         leaves.push_back(twice ? std::string{} : std::move(entry));
                 });
    reading.each("SELECT log_no, size, root, note FROM checkpoint", [&](const Row& row) {
        out.checkpoints.push_back(
            {row.number(0), static_cast<std::uint64_t>(row.number(1)), row.bytes(2), row.bytes(3)});
    });
}

void read_deliveries(Reading& reading, Image& out) {
    reading.each(
        "SELECT no, event_seq, destination_no, replay_no, replay_of, state, attempts, first_ms, "
        "next_ms, created_ms, reason, first_took_us, first_outcome, first_status, first_detail "
        "FROM delivery",
        [&](const Row& row) {
            Image::Delivery d;
            d.no = row.number(0);
            d.event_seq = row.number(1);
            d.destination_no = row.number(2);
            d.replay_no = row.number(3);
            d.replay_of = row.maybe(4);
            d.state = static_cast<int>(row.number(5));
            d.attempts = row.number(6);
            d.first_ms = row.maybe(7);
            d.next_ms = row.maybe(8);
            d.created_ms = row.number(9);
            d.reason = row.bytes(10);
            if (row.maybe(12))
                out.attempts.push_back({d.no, 1, *d.first_ms, row.number(11),
                                        static_cast<int>(row.number(12)), row.maybe(13),
                                        form_in(row.bytes(14))});
            out.deliveries.push_back(std::move(d));
        });
    // Taken at once: 64 numbers to a row.
    reading.each("SELECT block, count, entries FROM delivered", [&](const Row& row) {
        std::int64_t found = 0;
        const std::string entries = row.bytes(2);
        for (std::string_view rest = entries; !rest.empty(); ++found)
            read_delivered(row.number(0), rest, out);
        // One too few or too many shows as one that no event has.
        if (found != row.number(1)) out.deliveries.push_back({.no = -1});
    });
    // Those after the first: 64 * delivery + 2 * attempt + 1 for one that was skipped.
    reading.each("SELECT key, started_ms, took_us, outcome, status, detail FROM attempt",
                 [&](const Row& row) {
                     if (row.number(0) % 2 != 0) return;
                     out.attempts.push_back(
                         {row.number(0) / 64, row.number(0) % 64 / 2, row.number(1), row.number(2),
                          static_cast<int>(row.number(3)), row.maybe(4), form_in(row.bytes(5))});
                 });
    reading.each("SELECT no, destination_no FROM attempt_form",
                 [&](const Row& row) { out.forms[row.number(0)] = row.number(1); });
    reading.each("SELECT delivery_no, due_ms FROM due",
                 [&](const Row& row) { out.due.emplace_back(row.number(0), row.number(1)); });
    reading.each("SELECT delivery_no FROM held",
                 [&](const Row& row) { out.held.push_back(row.number(0)); });
}

}  // namespace

Result<Image> read_image(const std::string& vfs, const std::string& path) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, vfs.c_str());
    const std::unique_ptr<sqlite3, CloseDatabase> db{raw};
    if (code != SQLITE_OK) return fail(Errc::corrupt, "the database cannot be opened");
    Image out;
    Reading reading{raw};
    reading.each("BEGIN", [](const Row&) {});
    reading.each("PRAGMA quick_check", [&](const Row& row) { out.quick_check += row.bytes(0); });
    reading.each("SELECT seq, id, log_no, leaf, accepted_ms FROM event", [&](const Row& row) {
        out.events.push_back(
            {row.number(0), row.bytes(1), row.number(2), row.number(3), row.number(4)});
    });
    reading.each("SELECT no, id, state FROM destination", [&](const Row& row) {
        out.destinations[row.number(0)] = {row.bytes(1), static_cast<int>(row.number(2))};
    });
    read_ledger(reading, out);
    read_deliveries(reading, out);
    reading.each("COMMIT", [](const Row&) {});
    CHECK(reading.end());
    return out;
}

}  // namespace blotter::sim
