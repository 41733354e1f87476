#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/sqlite/fault_vfs.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/writer.hpp"

/// For the tests of the writer: a database in memory whose disk fails when it is told to.
namespace blotter::store {

inline constexpr sql::Query insert{"insert", "INSERT INTO entry (id, body) VALUES (?1, ?2)"};
inline constexpr sql::Query select_ids{"list", "SELECT id FROM entry ORDER BY id LIMIT 100000"};

using Work = std::function<Result<>(Tx&)>;
using Told = std::function<void(Result<>)>;

/// A job made of two functions.
struct TestJob final : Job {
    TestJob(Work w, Told t, Undo u = Undo::savepoint)
        : work(std::move(w)), told(std::move(t)), how(u) {}
    Undo undo() const override { return how; }
    Urgency urgency() const override { return wanted; }
    Result<> run(Tx& tx) override { return work(tx); }
    void finished(std::unique_ptr<Job>, Result<> outcome) override { told(std::move(outcome)); }
    Work work;
    Told told;
    Undo how;
    Urgency wanted = Urgency::now;
};

inline Work put(std::int64_t id, std::string body = "x") {
    return [id, body = std::move(body)](Tx& tx) { return sql::run(tx.db(), insert, id, body); };
}

using Ids = std::vector<std::int64_t>;

struct WriterTest : testing::Test {
    std::unique_ptr<SqliteConnection> open() {
        auto opened = SqliteConnection::open({.path = "blotter.db", .vfs = vfs.name()});
        EXPECT_TRUE(opened) << describe(opened.error());
        return opened ? std::move(*opened) : nullptr;
    }
    std::unique_ptr<SqliteConnection> open_new() {
        auto connection = open();
        EXPECT_TRUE(
            connection->execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"));
        return connection;
    }
    void make(Writer::Options options = {}) {
        options.on_broken = [this](const Error& error) { broken.push_back(error.code); };
        writer = std::make_unique<Writer>(open_new(), std::move(options));
    }
    /// Notes the outcome under `name`: "ok" or the failure's code.
    void submit(std::string name, Work work, Undo undo = Undo::savepoint) {
        const auto told = [this, name](Result<> outcome) {
            log += name + ":" + (outcome ? "ok" : std::string{to_text(outcome.error().code)}) + " ";
        };
        writer->submit(std::make_unique<TestJob>(std::move(work), told, undo));
    }
    std::string taken_log() { return std::exchange(log, {}); }
    /// What another program would find.
    Ids stored() {
        auto connection = SqliteConnection::open(
            {.path = "blotter.db", .access = Access::read_only, .vfs = vfs.name()});
        EXPECT_TRUE(connection) << describe(connection.error());
        auto ids = sql::all(**connection, select_ids,
                            [](const sql::Statement& s) { return s.integer(0); });
        EXPECT_TRUE(ids) << describe(ids.error());
        return ids.value_or(Ids{-1});
    }

    ScriptedFaults faults;
    FaultVfs vfs{"writer", faults};
    std::string log;
    std::vector<Errc> broken;
    std::unique_ptr<Writer> writer;
};

}  // namespace blotter::store
