#include "delivery/fair_ring.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace blotter::delivery {
namespace {

/// Members a, b, c … and a script: "+a" joins, "-a" leaves, "." gives the head a turn, "!" gives it
/// a turn after which it leaves. What it gives is who had their turns.
std::string play(std::string_view script) {
    std::array<FairRing::Place, 26> places;
    FairRing ring;
    const auto at = [&](std::int32_t i) -> FairRing::Place& { return places.at(i); };
    std::string turns;
    for (std::size_t i = 0; i < script.size(); ++i) {
        const char what = script[i];
        if (what == ' ') continue;
        if (what == '+' || what == '-') {
            const std::int32_t who = script[++i] - 'a';
            if (what == '+')
                ring.join(who, at);
            else
                ring.remove(who, at);
            continue;
        }
        const std::int32_t head = ring.head();
        turns += static_cast<char>('a' + head);
        ring.end_turn(at);
        if (what == '!') ring.remove(head, at);
    }
    return turns;
}

struct Row {
    std::string_view name;
    std::string_view script;
    std::string_view turns;
};

TEST(FairRing, gives_turns_in_the_order_of_the_table) {
    const std::vector<Row> rows{
        {"one alone", "+a ...", "aaa"},
        {"all new: in the order of coming", "+a+b+c ......", "abcabc"},
        {"who comes to a backlog goes first", "+a+b+c .... +d ....", "abcadbca"},
        {"two who come go in their order", "+a+b+c ... +d+e .....", "abcdeabc"},
        {"again only after all others had a turn", "+a+b+c ... +d! +d ....", "abcdabcd"},
        {"and then it may", "+a+b+c ... +d! ... +d! .", "abcdabcda"},
        {"two who come and go leave a turn for the one who waits", "+a . +b!+c! +b+c ......",
         "abcabcabc"},
        {"after each turn of the one who waits", "+a . +b! . +b! . +b! .", "abababa"},
        {"a new one that leaves is no longer new", "+a+b .. +c-c ..", "abab"},
        {"the last new one leaves, the next goes before the old", "+a+b .. +c+d-d +e ....",
         "abceab"},
        {"the first new one leaves", "+a+b .. +c+d-c ...", "abdab"},
        {"an old one that leaves has not had a turn by that", "+a+b .. +c! -a +c ...", "abcbcb"},
        {"all leave and come again", "+a+b!! +b+a ....", "abbaba"},
    };
    for (const Row& row : rows) EXPECT_EQ(play(row.script), row.turns) << row.name;
}

TEST(FairRing, nobody_waits_for_more_than_two_turns_of_each_other) {
    constexpr std::int32_t members = 12;
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random{seed};
        std::array<FairRing::Place, members> places;
        std::array<int, members> waited{};
        FairRing ring;
        const auto at = [&](std::int32_t i) -> FairRing::Place& { return places.at(i); };
        // Some always have something to do, some come again as soon as they can.
        const auto busy = static_cast<std::int32_t>(random() % members);
        for (int step = 0; step < 2'000; ++step) {
            for (std::int32_t i = 0; i < members; ++i)
                if (!places.at(i).linked() && (i < busy || random() % 3 != 0)) ring.join(i, at);
            if (ring.empty()) continue;
            const std::int32_t head = ring.head();
            for (std::int32_t i = 0; i < members; ++i)
                if (places.at(i).linked() && i != head) ++waited.at(i);
            waited.at(head) = 0;
            ring.end_turn(at);
            if (head >= busy && random() % 4 != 0) ring.remove(head, at);
            ASSERT_LE(*std::ranges::max_element(waited), 2 * members) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace blotter::delivery
