#include "ledger/leaf.hpp"

#include <gtest/gtest.h>

#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

const Timestamp at = parse_rfc3339("2026-05-26T14:32:00.123Z").value();

Leaf sample() {
    Uuid uuid{};
    uuid[15] = 1;
    return event_leaf(733, at, "t-4f1c", {EventId{uuid}, sha256("payload")});
}

std::string text_of(const Leaf& leaf) {
    const auto entry = to_entry(leaf);
    return entry ? std::string{as_text(*entry)} : "refused: " + entry.error().detail;
}

TEST(Leaf, has_exactly_the_documented_bytes) {
    EXPECT_EQ(text_of(sample()),
              R"({"at":"2026-05-26T14:32:00.123Z",)"
              R"("c":"239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5",)"
              R"("eid":"evt_00000000000000000000000001","k":"event.accepted","n":733,)"
              R"("t":"t-4f1c","v":1})");
}

TEST(Leaf, strings_are_escaped_as_rfc_8785_asks) {
    Leaf leaf{LeafKind::security_denied, at, 1, "t"};
    leaf.members.emplace("what", "\u20ac$\x0f\nA'B\"\\\\\"/\x7f");
    leaf.members.emplace("zz", -5);
    EXPECT_EQ(text_of(leaf),
              "{\"at\":\"2026-05-26T14:32:00.123Z\",\"k\":\"security.denied\",\"n\":1,\"t\":\"t\","
              "\"v\":1,\"what\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\x7f\",\"zz\":-5}");
    EXPECT_EQ(parse_entry(to_entry(leaf).value()).value(), leaf);
}

TEST(Leaf, every_kind_goes_both_ways_and_needs_its_members) {
    const std::vector<LeafKind> kinds = {
#define X(name, text, members) LeafKind::name,
#include "ledger/leaf_kinds.def"
#undef X
    };
    for (const LeafKind kind : kinds) {
        EXPECT_EQ(parse_leaf_kind(to_text(kind)), kind);
        Leaf leaf{kind, at, 5, "t"};
        for (const auto* name : {"basis", "ch", "con", "did", "dst", "eid", "key", "origin",
                                 "outcome", "reason", "root", "state", "user", "what"})
            leaf.members.emplace(name, "x");
        leaf.members.emplace("size", 5);
        leaf.members.emplace("c", std::string(64, 'a'));
        const auto entry = to_entry(leaf);
        ASSERT_TRUE(entry) << to_text(kind) << ": " << entry.error().detail;
        EXPECT_EQ(parse_entry(*entry).value(), leaf);
    }
    EXPECT_FALSE(to_entry(Leaf{LeafKind::event_accepted, at, 5, "t"}));
    EXPECT_TRUE(to_entry(Leaf{LeafKind::user_refused, at, 5, "t"}));
    EXPECT_FALSE(parse_leaf_kind("event.unheard_of"));
}

TEST(Leaf, values_that_a_log_must_not_hold_are_refused) {
    const auto refused = [](auto change) {
        Leaf leaf = sample();
        change(leaf);
        return !to_entry(leaf);
    };
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.tenant.clear(); }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.tenant.assign(65, 'x'); }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.tenant = "\xff"; }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.number = std::uint64_t{1} << 53; }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.at = from_ms(-1); }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.at = from_ms(253'402'300'800'000); }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.members["c"] = "ABCD"; }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.members["c"] = std::string(64, 'A'); }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.members["n2"] = leaf_integer_max + 1; }));
    EXPECT_TRUE(refused([](Leaf& leaf) { leaf.members["n2"] = -leaf_integer_max - 1; }));
    for (const auto* name :
         {"n", "at", "Upper", "1st", "", "with space", "é", "a_name_of_more_than_32_characters_"})
        EXPECT_TRUE(refused([&](Leaf& leaf) { leaf.members.insert_or_assign(name, 1); })) << name;
    EXPECT_TRUE(refused([](Leaf& leaf) {
        for (int i = 0; i < 40; ++i) leaf.members.emplace("m" + std::to_string(i), i);
    }));
    Leaf long_one = sample();
    long_one.members["note"] = std::string(entry_bytes_max, 'x');
    EXPECT_EQ(to_entry(long_one).error().code, Errc::too_large);
}

TEST(Leaf, bytes_that_are_not_canonical_are_refused) {
    const std::string good = text_of(Leaf{LeafKind::user_refused, at, 5, "t"});
    ASSERT_EQ(good, R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1})");
    ASSERT_TRUE(parse_entry(as_bytes(good)));
    for (const std::string_view text :
         {R"()",
          R"([])",
          R"({})",
          R"(1)",
          R"(nonsense)",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1} )",
          R"({"at":"2026-05-26T14:32:00.123Z", "k":"user.refused","n":5,"t":"t","v":1})",
          R"({"k":"user.refused","at":"2026-05-26T14:32:00.123Z","n":5,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123+00:00","k":"user.refused","n":5,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00Z","k":"user.refused","n":5,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"\u0074","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":05,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5.0,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5e0,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":-0,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":-5,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":"5","t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":2})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.unknown","n":5,"t":"t","v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t"})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1,"v":1})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1,"x":null})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1,"x":true})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1,"x":{}})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":"t","v":1,"x":1.5})",
          R"({"at":"2026-05-26T14:32:00.123Z","k":"user.refused","n":5,"t":7,"v":1})"})
        EXPECT_EQ(parse_entry(as_bytes(text)).error().code, Errc::malformed) << text;
    EXPECT_FALSE(parse_entry(as_bytes("\xff")));
    EXPECT_FALSE(parse_entry(Bytes(entry_bytes_max + 1, '[')));
}

TEST(Leaf, of_an_event_has_the_same_bytes_without_being_made) {
    const AcceptedEvent event{EventId{.value = {7, 8}}, sha256("payload")};
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{12345678901234}}) {
        const auto entry = event_entry(number, at, "ws_1", event);
        ASSERT_TRUE(entry);
        EXPECT_EQ(*entry, as_text(to_entry(event_leaf(number, at, "ws_1", event)).value()));
    }
    EXPECT_EQ(event_entry(std::uint64_t{1} << 53, at, "ws_1", event).error().code,
              Errc::invalid_argument);
    EXPECT_FALSE(event_entry(0, at, "", event));
    EXPECT_FALSE(event_entry(0, at, "\xff", event));
    EXPECT_FALSE(event_entry(0, from_ms(-1), "ws_1", event));
}

TEST(Leaf, names_a_checkpoint_and_reads_it_back) {
    const Checkpoint checkpoint{"log.example/tenant", {733, sha256("root")}};
    const Leaf leaf = checkpoint_leaf(9, at, "root", checkpoint);
    EXPECT_EQ(checkpoint_in(parse_entry(to_entry(leaf).value()).value()).value(), checkpoint);
    const Leaf forked = log_forked_leaf(at, "t", checkpoint, "restored from last week's backup");
    EXPECT_EQ(forked.number, 0U);
    EXPECT_EQ(checkpoint_in(parse_entry(to_entry(forked).value()).value()).value(), checkpoint);
    EXPECT_FALSE(checkpoint_in(sample()));
}

TEST(Leaf, commitment_is_the_hmac_of_rfc_4231) {
    // Test case 2 of RFC 4231 with its key "Jefe" padded by the zeroes that HMAC adds anyway.
    std::array<std::uint8_t, 32> salt{'J', 'e', 'f', 'e'};
    EXPECT_EQ(to_hex(payload_commitment(salt, as_bytes("what do ya want for nothing?"))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace blotter::ledger
