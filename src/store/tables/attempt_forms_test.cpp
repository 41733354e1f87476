#include "store/tables/attempt_forms.hpp"

#include <random>

#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/events.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

const AttemptPlace place{*EventId::parse("evt_01J9ZC3M4N0000000000000001"),
                         from_ms(1'795'449'881'744)};

Bytes counted(std::size_t size, int from = 1) {
    Bytes out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(from++);
    return out;
}

struct Split {
    std::string form;
    std::string own;
    bool done = false;
};
Split split(std::string_view lines) {
    Split out;
    out.done = split_lines(lines, place, out.form, out.own);
    return out;
}
std::string joined(const Split& parts, const AttemptPlace& at = place) {
    ByteView own = as_bytes(parts.own);
    std::string out = join_lines(parts.form, at, own).value();
    EXPECT_TRUE(own.empty());
    return out;
}

TEST(AttemptForms, what_differs_from_attempt_to_attempt_is_no_part_of_the_form) {
    const std::string v1 = to_base64(counted(32));
    const std::string v1a = to_base64(counted(64, 100));
    const std::string hex = to_hex(counted(32, 7));
    const std::string lines =
        "webhook-id: evt_01J9ZC3M4N0000000000000001\r\n"
        "webhook-timestamp: 1795449881\r\n"
        "webhook-signature: v1," +
        v1 + " v1a," + v1a +
        "\r\n"
        "x-signature: t=1795449881,v1=" +
        hex + "\r\n";
    const Split parts = split(lines);
    ASSERT_TRUE(parts.done);
    EXPECT_EQ(parts.form,
              "webhook-id: \x01\r\nwebhook-timestamp: \x02\r\n"
              "webhook-signature: v1,\x03 v1a,\x04\r\nx-signature: t=\x02,v1=\x05\r\n");
    EXPECT_EQ(parts.own.size(), 128U) << "the bytes of the signatures";
    EXPECT_EQ(joined(parts), lines);

    const AttemptPlace other{*EventId::parse("evt_01J9ZC3M4N0000000000000002"),
                             place.started_at + std::chrono::milliseconds{256}};
    EXPECT_TRUE(
        joined(parts, other)
            .starts_with(
                "webhook-id: evt_01J9ZC3M4N0000000000000002\r\nwebhook-timestamp: 1795449882\r\n"));
}

TEST(AttemptForms, what_only_looks_alike_stays_as_it_is) {
    const std::string v1 = to_base64(counted(32));
    std::string unused_bits = v1;
    unused_bits[42] = 'B';
    std::string upper = to_hex(counted(32, 0xa0));
    for (char& c : upper) c = c >= 'a' ? static_cast<char>(c - 32) : c;
    for (const std::string& text :
         {std::string{}, std::string{"17954498810"}, std::string{"x1795449881"},
          std::string{"evt_01J9ZC3M4N0000000000000003"}, unused_bits, upper, v1.substr(1), "A" + v1,
          v1.substr(0, 43), to_hex(counted(31)), to_hex(counted(33))}) {
        const Split parts = split(text);
        ASSERT_TRUE(parts.done);
        EXPECT_EQ(parts.form, text);
        EXPECT_EQ(parts.own, "");
    }
    EXPECT_EQ(split(v1 + "==").form, "\x03==") << "a signature, and more";
    EXPECT_EQ(joined(split(v1 + "==")), v1 + "==");
}

TEST(AttemptForms, lines_with_a_mark_in_them_are_not_split) {
    for (const char mark : {'\x01', '\x02', '\x03', '\x04', '\x05'}) {
        const Split parts = split(std::string{"x: 1795449881"} + mark);
        EXPECT_FALSE(parts.done);
        EXPECT_EQ(parts.form + parts.own, "");
    }
}

TEST(AttemptForms, any_lines_come_back_as_they_were) {
    std::mt19937_64 random{11};
    const auto below = [&](std::size_t n) { return random() % n; };
    for (int round = 0; round < 20'000; ++round) {
        std::string lines;
        for (std::size_t piece = below(12); piece > 0; --piece) {
            switch (below(8)) {
                case 0:
                    lines += place.event.text();
                    break;
                case 1:
                    lines += "1795449881";
                    break;
                case 2:
                    lines += to_base64(counted(below(70), static_cast<int>(below(256))));
                    break;
                case 3:
                    lines += to_hex(counted(below(40), static_cast<int>(below(256))));
                    break;
                case 4:
                    lines.append(below(90), "Aa0+/=_"[below(7)]);
                    break;
                default:
                    lines += ", =:\r\n\tv1"[below(9)];
            }
        }
        const Split parts = split(lines);
        ASSERT_TRUE(parts.done);
        ASSERT_EQ(joined(parts), lines) << "round " << round;
    }
}

class AttemptFormTables : public TablesTest {
  protected:
    static AttemptForm form(const std::string& address = "192.0.2.1:443") {
        AttemptForm out;
        out.destination_no = 3;
        out.head = std::make_shared<const std::string>("POST /x HTTP/1.1\r\n");
        out.lines = "a: \x03\r\n";
        out.address = address;
        out.tls_version = "TLSv1.3";
        return out;
    }
    std::int64_t keep(const AttemptForm& form, std::int64_t at_ms) {
        return must(keep_attempt_form(db(), form, from_ms(at_ms)));
    }
    std::string unpacked(std::string_view detail) {
        const Bytes out = must(unpack_attempt(db(), as_bytes(detail), place));
        return std::string{as_text(out)};
    }
    static std::string packed(std::int64_t no, std::string_view rest) {
        std::string out;
        pack_attempt(no, as_text(own_), rest, out);
        return out;
    }
    static inline const Bytes own_ = counted(32);
};

TEST_F(AttemptFormTables, a_form_is_kept_once_and_its_attempts_are_shown_whole) {
    const std::int64_t no = keep(form(), 10);
    EXPECT_EQ(keep(form(), 20), no);
    const std::int64_t other = keep(form("192.0.2.2:443"), 20);
    EXPECT_NE(other, no);
    AttemptForm elsewhere = form();
    elsewhere.destination_no = 4;
    EXPECT_NE(keep(elsewhere, 20), no);

    const std::string request =
        R"("request_headers":"POST /x HTTP/1.1\r\na: )" + to_base64(own_) + R"(\r\n")";
    EXPECT_EQ(unpacked(packed(no, "")),
              R"({"address":"192.0.2.1:443","tls_version":"TLSv1.3",)" + request + "}");
    EXPECT_EQ(unpacked(packed(other, R"({"error":"no","answer":"{}"})")),
              R"({"address":"192.0.2.2:443","tls_version":"TLSv1.3",)" + request +
                  R"(,"error":"no","answer":"{}"})");
    EXPECT_EQ(packed(no, "").size(), 35U) << "beside the signature, three bytes";
}

TEST_F(AttemptFormTables, what_was_kept_whole_is_shown_as_it_is) {
    EXPECT_EQ(unpacked(R"({"error":"x"})"), R"({"error":"x"})");
    EXPECT_EQ(unpacked(""), "");
}

TEST_F(AttemptFormTables, a_form_that_was_not_used_for_long_goes_and_its_number_with_it) {
    const std::int64_t old = keep(form(), 10);
    const std::int64_t used = keep(form("192.0.2.2:443"), 10);
    keep(form("192.0.2.2:443"), 90);
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(50))), 1);
    EXPECT_EQ(unpacked(packed(old, R"({"answer":"ok"})")), R"({"answer":"ok"})")
        << "what is the attempt's own is still shown";
    EXPECT_EQ(unpacked(packed(old, "")), "{}");
    EXPECT_EQ(keep(form("192.0.2.2:443"), 95), used);
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(100))), 1);
    EXPECT_GT(keep(form("192.0.2.3:443"), 100), used) << "no number is given twice";
}

TEST_F(AttemptFormTables, what_is_damaged_says_so) {
    const std::int64_t no = keep(form(), 10);
    const std::string whole = packed(no, R"({"answer":"ok"})");
    for (const std::string& detail :
         {whole.substr(0, 1), whole.substr(0, 2), whole.substr(0, 20),
          whole.substr(0, whole.size() - 1), std::string{"\x01\x01\x00", 3}, whole + "x"})
        EXPECT_EQ(unpacked(detail), R"({"error":"what was kept of this attempt is damaged"})");
}

TEST_F(AttemptFormTables, a_packed_first_attempt_and_a_later_one_are_listed_whole) {
    const std::int64_t no = keep(form(), 10);
    const std::string detail = packed(no, "");
    const std::int64_t seq = must(insert_event(db(), {.id = place.event, .workspace_no = 1}));
    const auto delivery =
        must(record_first_attempt(db(), {.event_seq = seq, .destination_no = 3, .workspace_no = 1},
                                  {.started_at = place.started_at,
                                   .detail = as_bytes(detail),
                                   .state = DeliveryState::retrying,
                                   .next_at = place.started_at}));
    must(record_attempt(db(), *delivery,
                        {.n = 2, .started_at = place.started_at, .detail = as_bytes(detail)}));
    const auto attempts = must(list_attempts(db(), *delivery));
    ASSERT_EQ(attempts.size(), 2U);
    for (const AttemptRow& attempt : attempts) EXPECT_EQ(as_text(attempt.detail), unpacked(detail));
}

}  // namespace
}  // namespace blotter::store
