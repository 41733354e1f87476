#include "store/tables/attempt_forms.hpp"

#include "store/tables/attempts.hpp"
#include "store/tables/deliveries.hpp"
#include "store/tables/events.hpp"
#include "store/tables/tables_fixture.hpp"

namespace blotter::store {
namespace {

const RequestForm::Place place{*EventId::parse("evt_01J9ZC3M4N0000000000000001"),
                               from_ms(1'795'449'881'744)};

class AttemptFormTables : public TablesTest {
  protected:
    static AttemptForm form(const std::string& address = "192.0.2.1:443") {
        AttemptForm out;
        out.destination_no = 3;
        out.request =
            RequestForm::split("POST /x HTTP/1.1\r\n", "a: " + to_base64(own_) + "\r\n", place)
                .form;
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
    static inline const Bytes own_ = Bytes(32, 7);
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
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(50), 10)), 1);
    EXPECT_EQ(unpacked(packed(old, R"({"answer":"ok"})")), R"({"answer":"ok"})")
        << "what is the attempt's own is still shown";
    EXPECT_EQ(unpacked(packed(old, "")), "{}");
    EXPECT_EQ(keep(form("192.0.2.2:443"), 95), used);
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(100), 10)), 1);
    EXPECT_GT(keep(form("192.0.2.3:443"), 100), used) << "no number is given twice";
}

TEST_F(AttemptFormTables, a_clock_that_is_set_back_makes_no_form_older) {
    const std::int64_t no = keep(form(), 100);
    EXPECT_EQ(keep(form(), 50), no);
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(100), 10)), 0);
}

TEST_F(AttemptFormTables, no_more_go_at_once_than_asked_for_the_oldest_first) {
    const std::int64_t newer = keep(form("192.0.2.1:443"), 20);
    const std::int64_t older = keep(form("192.0.2.2:443"), 10);
    EXPECT_EQ(must(purge_attempt_forms(db(), from_ms(50), 1)), 1);
    EXPECT_EQ(unpacked(packed(older, "")), "{}");
    EXPECT_NE(unpacked(packed(newer, "")), "{}");
}

TEST_F(AttemptFormTables, what_sent_nothing_shows_no_request) {
    AttemptForm silent = form();
    silent.request = nullptr;
    std::string detail;
    pack_attempt(keep(silent, 10), "", R"({"error":"no"})", detail);
    EXPECT_EQ(unpacked(detail),
              R"({"address":"192.0.2.1:443","tls_version":"TLSv1.3","error":"no"})");
}

TEST_F(AttemptFormTables, what_is_damaged_says_so) {
    const std::int64_t no = keep(form(), 10);
    const std::string whole = packed(no, R"({"answer":"ok"})");
    for (const std::string& detail :
         {whole.substr(0, 1), whole.substr(0, 2), whole.substr(0, 20),
          whole.substr(0, whole.size() - 1), std::string{"\x01\x01\x00", 3}, whole + "x"})
        EXPECT_EQ(
            unpacked(detail),
            R"({"error":"what was kept of this attempt is damaged: a backup may have it whole"})");
}

TEST_F(AttemptFormTables, a_packed_first_attempt_and_a_later_one_are_listed_whole) {
    const std::int64_t no = keep(form(), 10);
    const std::string detail = packed(no, "");
    const std::int64_t seq = must(insert_event(db(), {.id = place.event, .workspace_no = 1}));
    const auto delivery = must(record_first_attempt(
        db(), {.no = 1, .event_seq = seq, .destination_no = 3, .workspace_no = 1},
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
