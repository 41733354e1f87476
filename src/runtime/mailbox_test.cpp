#include "runtime/mailbox.hpp"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace blotter::runtime {
namespace {

template <typename Letter>
std::vector<Letter> opened(Mailbox<Letter>& box) {
    std::vector<Letter> out;
    box.open([&](std::vector<Letter>& letters) {
        for (Letter& letter : letters) out.push_back(std::move(letter));
    });
    return out;
}

TEST(Mailbox, gives_letters_in_order_and_asks_once_for_its_owner) {
    Mailbox<int> box;
    EXPECT_FALSE(box.has_letters());
    EXPECT_EQ(box.put(1), Wake::yes);
    EXPECT_TRUE(box.has_letters());
    EXPECT_EQ(box.put(2), Wake::no);
    EXPECT_EQ(box.put(3), Wake::no);
    EXPECT_EQ(opened(box), (std::vector<int>{1, 2, 3}));
    EXPECT_FALSE(box.has_letters());
    EXPECT_EQ(opened(box), std::vector<int>{});
    EXPECT_EQ(box.put(4), Wake::yes) << "its owner has looked since";
    EXPECT_EQ(opened(box), std::vector<int>{4});
}

TEST(Mailbox, keeps_what_comes_while_it_is_read_for_the_next_time) {
    Mailbox<int> box;
    ASSERT_EQ(box.put(1), Wake::yes);
    box.open([&](std::vector<int>& letters) {
        EXPECT_EQ(letters, std::vector<int>{1});
        EXPECT_EQ(box.put(2), Wake::yes) << "what is being read does not have it";
    });
    EXPECT_EQ(opened(box), std::vector<int>{2});
}

TEST(Mailbox, ends_what_was_read_at_once_and_what_was_not_with_itself) {
    const auto kept = std::make_shared<int>(0);
    {
        Mailbox<std::shared_ptr<int>> box;
        EXPECT_EQ(box.put(kept), Wake::yes);
        box.open([](std::vector<std::shared_ptr<int>>&) {});
        EXPECT_EQ(kept.use_count(), 1);
        EXPECT_EQ(box.put(kept), Wake::yes);
    }
    EXPECT_EQ(kept.use_count(), 1);
}

TEST(Mailbox, loses_nothing_and_no_wake_up_between_threads) {
    constexpr int writers = 3;
    constexpr int each = 20'000;
    Mailbox<int> box;
    std::atomic<int> asked{0};
    std::vector<std::jthread> threads;
    for (int w = 0; w < writers; ++w)
        threads.emplace_back([&, w] {
            for (int i = 0; i < each; ++i)
                if (box.put(w * each + i) == Wake::yes) asked.fetch_add(1);
        });
    // The owner opens it once for each `yes`, never otherwise.
    std::vector<int> last(writers, -1);
    int came = 0;
    int looked = 0;
    while (came < writers * each) {
        if (looked == asked.load()) continue;
        ++looked;
        for (const int letter : opened(box)) {
            ++came;
            int& before = last[static_cast<std::size_t>(letter / each)];
            EXPECT_LT(before, letter % each) << "in the order in which one thread put them";
            before = letter % each;
        }
    }
    threads.clear();
    EXPECT_EQ(looked, asked.load());
}

}  // namespace
}  // namespace blotter::runtime
