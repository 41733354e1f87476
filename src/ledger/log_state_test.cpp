#include "ledger/log_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::ledger {
namespace {

using testing::HasSubstr;

LogState two_logs() {
    return {{"log.example/a", {733, sha256("a")}}, {"log.example/b c", {0, empty_tree_root()}}};
}

TEST(LogState, has_exactly_the_documented_bytes_and_goes_both_ways) {
    const std::string file = encode_log_state(two_logs());
    const std::string body = "blotter-log-state v1\n733 " + to_hex(sha256("a")) +
                             " log.example/a\n0 " + to_hex(empty_tree_root()) +
                             " log.example/b c\n";
    EXPECT_EQ(file, body + "sha256 " + to_hex(sha256(body)) + "\n");
    EXPECT_EQ(decode_log_state(file).value(), two_logs());
    EXPECT_EQ(decode_log_state(encode_log_state({})).value(), LogState{});
}

TEST(LogState, any_flipped_bit_and_any_cut_is_refused) {
    const std::string file = encode_log_state(two_logs());
    for (std::size_t i = 0; i < file.size() * 8; ++i) {
        std::string changed = file;
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
        EXPECT_EQ(decode_log_state(changed).error().code, Errc::corrupt) << "bit " << i;
    }
    for (std::size_t size = 0; size < file.size(); ++size)
        EXPECT_FALSE(decode_log_state(std::string_view{file}.substr(0, size))) << size;
    EXPECT_FALSE(decode_log_state(file + "x"));
    EXPECT_FALSE(decode_log_state(file + file));
}

TEST(LogState, lines_with_a_right_checksum_and_a_wrong_form_are_refused) {
    const std::string root = to_hex(sha256("a"));
    for (const std::string& lines :
         {std::string{"733\n"}, "733 " + root + "\n", "x " + root + " a\n", "01 " + root + " a\n",
          "1 " + root.substr(2) + " a\n", "1 " + root + " b\n1 " + root + " a\n",
          "1 " + root + " a\n1 " + root + " a\n", "1 " + root + " a"}) {
        const std::string body = "blotter-log-state v1\n" + lines;
        EXPECT_FALSE(decode_log_state(body + "sha256 " + to_hex(sha256(body)) + "\n")) << lines;
    }
    const auto newer = decode_log_state("blotter-log-state v2\nwhatever\n");
    EXPECT_THAT(newer.error().detail, HasSubstr("version"));
}

TEST(LogState, only_goes_forward) {
    LogState state = two_logs();
    EXPECT_TRUE(advance(state, {"log.example/a", {733, sha256("a")}}));
    EXPECT_TRUE(advance(state, {"log.example/a", {734, sha256("a2")}}));
    EXPECT_TRUE(advance(state, {"log.example/new", {1, sha256("n")}}));
    EXPECT_EQ(advance(state, {"log.example/a", {733, sha256("a")}}).error().code, Errc::conflict);
    EXPECT_EQ(advance(state, {"log.example/a", {734, sha256("x")}}).error().code, Errc::conflict);
    EXPECT_FALSE(advance(state, {"two\nlines", {1, sha256("n")}}));
    EXPECT_FALSE(advance(state, {"", {1, sha256("n")}}));
    EXPECT_EQ(state.at("log.example/a").size, 734U);
    EXPECT_EQ(state.size(), 3U);
}

TEST(Judge, answers_each_situation) {
    const TreeHead last{100, sha256("signed")};
    using enum SigningVerdict;
    struct Case {
        std::string_view situation;
        std::optional<TreeHead> last_signed;
        std::uint64_t current_size;
        std::optional<Digest> root_at_last_signed;
        std::optional<TreeHead> last_stored;
        SigningVerdict verdict;
    };
    const std::vector<Case> cases = {
        {"a new log", {}, 0, {}, {}, may_sign},
        {"a new log with entries", {}, 5, {}, {}, may_sign},
        {"nothing new", last, 100, last.root, last, may_sign},
        {"grown", last, 150, last.root, last, may_sign},
        {"signed, then a crash before the database knew", last, 100, last.root, {}, may_sign},
        {"an older database", last, 99, {}, TreeHead{90, sha256("90")}, behind},
        {"an empty database", last, 0, {}, {}, behind},
        {"an older database that went on", last, 150, sha256("other"), {}, forked},
        {"a changed entry", last, 100, sha256("other"), last, forked},
        {"a lost state file", {}, 100, {}, last, state_lost}};
    for (const Case& one : cases) {
        const SigningAnswer answer = judge({"log.example/a", one.last_signed, one.current_size,
                                            one.root_at_last_signed, one.last_stored});
        EXPECT_EQ(answer.verdict, one.verdict) << one.situation;
        EXPECT_EQ(answer.words.empty(), one.verdict == may_sign) << one.situation;
        if (one.verdict == may_sign) continue;
        EXPECT_THAT(answer.words, HasSubstr("log.example/a"));
        EXPECT_THAT(answer.words, HasSubstr("blotter ledger fork"));
    }
}

}  // namespace
}  // namespace blotter::ledger
