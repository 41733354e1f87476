#pragma once

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <stdexcept>

#include <gtest/gtest.h>

#include "base/invariant.hpp"
#include "runtime/clock.hpp"
#include "store/migrate.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/tables/delivered_batch.hpp"
#include "store/tables/delivery_numbers.hpp"
#include "store/tables/events.hpp"

/// For the tests of this folder: a new database, and a check of the plan of every statement that a
/// test runs.
namespace blotter::store {

/// A new folder, which the caller removes.
inline std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "blotter_test_XXXXXX").string();
    INVARIANT(::mkdtemp(name.data()) != nullptr);
    return name;
}

/// Passes everything on and remembers which statements were asked for.
class WatchedConnection final : public sql::Connection {
  public:
    explicit WatchedConnection(sql::Connection& inner) : inner_(inner) {}
    Result<sql::Statement*> prepare(const sql::Query& query) override {
        seen.emplace(query.name, &query);
        return inner_.prepare(query);
    }
    Result<> execute(std::string_view script) override { return inner_.execute(script); }
    Result<> begin() override { return inner_.begin(); }
    Result<> commit() override { return inner_.commit(); }
    void rollback() override { inner_.rollback(); }
    Result<> savepoint() override { return inner_.savepoint(); }
    Result<> release_savepoint() override { return inner_.release_savepoint(); }
    void rollback_to_savepoint() override { inner_.rollback_to_savepoint(); }
    std::int64_t changes() const override { return inner_.changes(); }
    std::int64_t last_insert_id() const override { return inner_.last_insert_id(); }
    sql::State state() const override { return inner_.state(); }
    Result<> upkeep(sql::Upkeep when) override { return inner_.upkeep(when); }
    Result<> overwrite_deleted() override { return inner_.overwrite_deleted(); }
    void set_deadline(MonoTime deadline) override { inner_.set_deadline(deadline); }

    std::map<std::string_view, const sql::Query*> seen;

  private:
    sql::Connection& inner_;
};

/// The value of a result that must be there; otherwise the test ends here.
template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(describe(result.error()));
    return *std::move(result);
}
inline void must(Result<> result) {
    if (!result) throw std::runtime_error(describe(result.error()));
}

/// Statements that may walk a table, and why that is bounded.
inline const std::map<std::string_view, std::string_view>& allowed_scans() {
    static const std::map<std::string_view, std::string_view> list{
        {"event.last", "LIMIT 1 at the end of the tree"},
        {"event.old", "LIMIT 1 at the end of the tree"},
        {"event.oldest_plans", "LIMIT at the beginning of the tree"},
        {"delivery.last", "LIMIT 1 at the end of the tree"},
        {"delivered.last", "LIMIT 1 at the end of the tree"},
        {"data_key.not_under", "a small table, on an operator's order"},
        {"file_access.purge", "LIMIT at the beginning of the tree"},
        {"request_slice.purge", "LIMIT at the beginning of the tree"},
        {"replay.purge", "LIMIT at the beginning of the tree"},
        {"due.total", "a count with a LIMIT, every few seconds"},
        {"held.total", "a count with a LIMIT, every few seconds"},
        {"due.oldest", "LIMIT 1 at the beginning of the tree"},
        {"alert.unresolved_count", "a count of a partial index with a LIMIT"},
        {"document.lost", "a walk of a partial index with a LIMIT"},
        {"document.next_due", "LIMIT 1 at the beginning of a partial index"},
        {"document.oldest_send", "a walk of a partial index of what is being sent"},
        {"destination.every", "a walk of a partial index with a LIMIT"},
        {"replay.running", "a walk of a partial index with a LIMIT"},
        {"link_renewal.read", "the two rows of a subquery"},
        {"blob_doomed.list", "a walk of a table that is empty most of the time, with a LIMIT"},
    };
    return list;
}

class TablesTest : public testing::Test {
  protected:
    TablesTest() {
        directory_ = make_folder();
        auto opened = SqliteConnection::open({.path = directory_ / "blotter.db"});
        INVARIANT(opened.has_value());
        connection_ = std::move(*opened);
        const auto migrated = migrate(*connection_, {.known = migrations(), .now = from_ms(1'000)});
        INVARIANT(migrated.has_value());
        watched_.emplace(*connection_);
    }
    ~TablesTest() override {
        watched_.reset();
        connection_.reset();
        std::filesystem::remove_all(directory_);
    }

    void SetUp() override { EXPECT_TRUE(db().begin()); }
    void TearDown() override {
        EXPECT_TRUE(db().commit());
        for (const auto& [name, query] : watched_->seen) check_plan(*query);
    }

    sql::Connection& db() { return *watched_; }
    WatchedConnection& watched() { return *watched_; }

    /// Makes the next id of a kind: ascending, as in use.
    template <typename IdType>
    IdType next_id() {
        IdType id;
        const std::uint64_t n = ++ids_;
        for (int i = 0; i < 8; ++i) id.value[8 + i] = static_cast<std::uint8_t>(n >> (56 - 8 * i));
        return id;
    }

    /// As intake does it: the deliveries of its plan get their numbers with the event.
    std::int64_t insert_planned(NewEvent event) {
        Tx tx{db()};
        if (!event.plan.empty()) event.first_delivery = must(numbers_.take(tx, event.plan));
        return must(insert_event(db(), event));
    }
    /// Of the event's plan, or else the next one.
    std::int64_t number(std::int64_t event_seq, std::int64_t destination_no) {
        const auto plan = must(load_plan(db(), event_seq));
        if (const auto no = plan ? plan->number_of(destination_no) : std::nullopt) return *no;
        Tx tx{db()};
        return must(numbers_.take(tx, destination_no));
    }

    /// The outcome of a first attempt, as it is written: of what was taken every second one goes to
    /// a block, so that all reading meets both kinds.
    std::optional<std::int64_t> record_first(const NewDelivery& row, const AttemptResult& result) {
        if (row.no % 2 == 0 || !DeliveredBatch::takes(row, result))
            return must(record_first_attempt(db(), row, result));
        DeliveredBatch batch;
        batch.add(row, result);
        must(batch.write(db()));
        return row.no;
    }

    std::vector<std::string> plan_of(const sql::Query& query) {
        auto& [name, text] = explains_.emplace_back(
            "explain " + std::string{query.name}, std::string{"EXPLAIN QUERY PLAN "} + query.text);
        const sql::Query& explain = queries_.emplace_back(sql::Query{name, text.c_str()});
        auto prepared = connection_->prepare(explain);
        if (!prepared) {
            ADD_FAILURE() << describe(prepared.error());
            return {};
        }
        sql::Use use{*prepared};
        // Parameters are numbered without gaps.
        for (int i = 1; std::string_view{query.text}.contains("?" + std::to_string(i)); ++i)
            use->bind_null(i);
        std::vector<std::string> lines;
        while (use->step().value_or(false)) lines.push_back(sql::string_at(*use, 3));
        return lines;
    }

    /// The whole plan as one text, for expectations.
    std::string plan_named(std::string_view name) {
        const auto found = watched_->seen.find(name);
        if (found == watched_->seen.end()) return "not used: " + std::string{name};
        std::string out;
        for (const std::string& line : plan_of(*found->second)) out += line + "\n";
        return out;
    }

  private:
    void check_plan(const sql::Query& query) {
        for (const std::string& line : plan_of(query)) {
            if (line.starts_with("SCAN") && !line.starts_with("SCAN CONSTANT"))
                EXPECT_TRUE(allowed_scans().contains(query.name)) << query.name << ": " << line;
            if (line.contains("TEMP B-TREE"))
                EXPECT_EQ(query.name, "delivery.others_listed") << line;
        }
    }

    std::filesystem::path directory_;
    std::deque<std::pair<std::string, std::string>> explains_;
    std::deque<sql::Query> queries_;
    std::unique_ptr<SqliteConnection> connection_;
    std::optional<WatchedConnection> watched_;
    DeliveryNumbers numbers_;
    std::uint64_t ids_ = 0;
};

/// The numbers of rows that have a `no`, in their order.
template <typename Rows>
std::vector<std::int64_t> numbers_of(const Rows& rows) {
    std::vector<std::int64_t> out;
    for (const auto& row : rows) out.push_back(row.no);
    return out;
}
/// Expects these rows of a list, and the reverse when it is asked for the oldest first.
template <typename Filter, typename List>
void expect_both_ways(sql::Connection& db, List list, const Filter& filter,
                      std::vector<std::int64_t> newest_first) {
    EXPECT_EQ(numbers_of(must(list(db, filter, PageOptions{})).rows), newest_first);
    std::ranges::reverse(newest_first);
    const PageOptions oldest{.order = Order::oldest_first};
    EXPECT_EQ(numbers_of(must(list(db, filter, oldest)).rows), newest_first);
}

inline Bytes bytes_of(std::string_view text) {
    const ByteView view = as_bytes(text);
    return {view.begin(), view.end()};
}

}  // namespace blotter::store
