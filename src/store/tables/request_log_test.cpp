#include "store/tables/request_log.hpp"

#include <gmock/gmock.h>

#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

using testing::ElementsAre;

class RequestLogTables : public TablesTest {
  protected:
    /// A slice with a request at each of these times; its path is the time.
    void add(std::int64_t workspace_no, std::initializer_list<std::int64_t> times) {
        RequestSlice slice{.workspace_no = workspace_no};
        for (const std::int64_t at : times)
            slice.add({.at = from_ms(at),
                       .key_no = 7,
                       .method = "POST",
                       .path = "/" + std::to_string(at),
                       .status = 202,
                       .took = std::chrono::microseconds{1'234},
                       .remote = "192.0.2.1",
                       .request_id = "req_1"});
        must(insert_request_slice(db(), slice));
    }
    std::vector<std::string> paths(const Page<RequestLogRow>& page) {
        std::vector<std::string> out;
        for (const RequestLogRow& row : page.rows) out.push_back(row.path);
        return out;
    }
    std::vector<std::string> all(std::int64_t workspace_no) {
        return paths(must(
            list_request_log(db(), workspace_no, {.limit = 1'000, .order = Order::oldest_first})));
    }
    /// What a reader gets who asks page by page.
    std::vector<std::string> all_by_pages(std::int64_t workspace_no, std::size_t limit,
                                          Order order) {
        std::vector<std::string> out;
        PageOptions options{.limit = limit, .order = order};
        for (int pages = 0; pages < 1'000; ++pages) {
            const auto page = must(list_request_log(db(), workspace_no, options));
            EXPECT_LE(page.rows.size(), limit);
            for (std::string& path : paths(page)) out.push_back(std::move(path));
            if (!page.next) return out;
            options.after = *page.next;
        }
        throw std::runtime_error("a list without an end");
    }
};

TEST_F(RequestLogTables, gives_back_what_was_noted) {
    add(1, {10, 20});
    const auto page = must(list_request_log(db(), 1, {.order = Order::oldest_first}));
    ASSERT_EQ(page.rows.size(), 2U);
    EXPECT_FALSE(page.next);
    const RequestLogRow& row = page.rows[1];
    EXPECT_EQ(row.no, 2);
    EXPECT_EQ(row.at, from_ms(20));
    EXPECT_EQ(row.key_no, 7);
    EXPECT_EQ(row.method, "POST");
    EXPECT_EQ(row.path, "/20");
    EXPECT_EQ(row.status, 202);
    EXPECT_EQ(row.took, std::chrono::microseconds{1'234});
    EXPECT_EQ(row.remote, "192.0.2.1");
    EXPECT_EQ(row.request_id, "req_1");
}

TEST_F(RequestLogTables, a_page_may_begin_and_end_inside_a_slice_and_has_one_workspace) {
    add(1, {1, 2, 3});
    add(2, {4, 5});
    add(1, {6});
    add(1, {7, 8, 9, 10});
    const std::vector<std::string> oldest{"/1", "/2", "/3", "/6", "/7", "/8", "/9", "/10"};
    const std::vector<std::string> newest{oldest.rbegin(), oldest.rend()};
    for (std::size_t limit = 1; limit <= 9; ++limit) {
        EXPECT_EQ(all_by_pages(1, limit, Order::oldest_first), oldest) << limit;
        EXPECT_EQ(all_by_pages(1, limit, Order::newest_first), newest) << limit;
    }
    EXPECT_THAT(all(2), ElementsAre("/4", "/5"));
}

TEST_F(RequestLogTables, many_slices_of_one_hide_nothing_from_a_page_of_one) {
    std::vector<std::string> newest;
    for (int i = 1; i <= 200; ++i) {
        add(1, {i});
        newest.insert(newest.begin(), "/" + std::to_string(i));
    }
    EXPECT_EQ(all_by_pages(1, 1, Order::newest_first), newest);
}

TEST_F(RequestLogTables, what_would_break_a_line_is_written_as_a_space) {
    RequestSlice slice{.workspace_no = 1};
    slice.add({.method = "GET", .path = "/a\nb\tc", .remote = "\r", .request_id = ""});
    slice.add({.method = "GET", .path = "/next"});
    must(insert_request_slice(db(), slice));
    EXPECT_THAT(all(1), ElementsAre("/a b c", "/next"));
}

TEST_F(RequestLogTables, a_damaged_line_hides_itself_alone) {
    must(
        db().execute("INSERT INTO request_slice (no, workspace_no, count, newest_ms, lines) "
                     "VALUES (2, 1, 2, 0, 'nonsense\n1\t0\t200\t5\tGET\t\t\t/whole\n'), "
                     "(5, 1, 3, 0, '')"));
    add(1, {6});
    EXPECT_THAT(all(1), ElementsAre("/whole", "/6"));
    EXPECT_EQ(all_by_pages(1, 1, Order::newest_first), (std::vector<std::string>{"/6", "/whole"}));
}

TEST_F(RequestLogTables, keeps_the_newest_whatever_slices_they_are_in) {
    for (int i = 0; i < 10; ++i) add(i % 2 == 0 ? 1 : 2, {2 * i, 2 * i + 1});
    EXPECT_EQ(must(trim_request_log(db(), {.keep = 5, .limit = 4})), 4);
    EXPECT_EQ(must(trim_request_log(db(), {.keep = 5, .limit = 4})), 3);
    EXPECT_EQ(must(trim_request_log(db(), {.keep = 5, .limit = 4})), 0);
    EXPECT_THAT(all(1), ElementsAre("/16", "/17"));
    EXPECT_THAT(all(2), ElementsAre("/14", "/15", "/18", "/19"));
    add(1, {20});
    EXPECT_EQ(must(list_request_log(db(), 1, {.limit = 1})).rows[0].no, 21) << "numbers go on";
}

TEST_F(RequestLogTables, slices_go_by_age_once_all_in_them_is_old) {
    add(1, {0, 1});
    add(1, {2, 3});
    add(1, {3, 4});
    add(1, {5, 6});
    EXPECT_EQ(must(purge_request_log(db(), from_ms(4), 1)), 1);
    EXPECT_EQ(must(purge_request_log(db(), from_ms(4), 1)), 1);
    EXPECT_EQ(must(purge_request_log(db(), from_ms(4), 1)), 0);
    EXPECT_THAT(all(1), ElementsAre("/3", "/4", "/5", "/6"));
}

}  // namespace
}  // namespace blotter::store
