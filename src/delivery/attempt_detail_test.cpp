#include "delivery/attempt_detail.hpp"

#include <gtest/gtest.h>

namespace blotter::delivery {
namespace {

Attempt attempt(const std::shared_ptr<const RequestForm>& request, const std::string& address) {
    Attempt out;
    out.started_at = from_ms(1'795'449'881'744);
    out.request = request;
    out.address = address;
    return out;
}

TEST(AttemptForms, attempts_that_have_all_in_common_share_one) {
    const auto request = RequestForm::plain("POST / HTTP/1.1\r\n");
    AttemptForms forms;
    const auto first = forms.find(attempt(request, "a"), 7);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->destination_no, 7);
    EXPECT_EQ(first->request, request);
    const auto other = forms.find(attempt(request, "b"), 7);
    EXPECT_NE(other, first);
    EXPECT_EQ(forms.find(attempt(request, "a"), 7), first);
    EXPECT_EQ(forms.find(attempt(request, "b"), 7), other);

    const std::array<std::string Attempt::*, 3> facts{&Attempt::tls_version, &Attempt::tls_cipher,
                                                      &Attempt::peer_certificate_sha256};
    for (const auto fact : facts) {
        Attempt differs = attempt(request, "a");
        differs.*fact = "x";
        EXPECT_NE(forms.find(differs, 7), first);
    }
    EXPECT_NE(forms.find(attempt(RequestForm::plain(request->text()), "a"), 7), first)
        << "another version of the destination";
}

TEST(AttemptForms, those_used_last_are_kept) {
    const auto request = RequestForm::plain("POST / HTTP/1.1\r\n");
    AttemptForms forms;
    const auto find = [&](std::size_t i) {
        return forms.find(attempt(request, std::to_string(i)), 7);
    };
    const auto first = find(0);
    for (std::size_t i = 1; i < AttemptForms::kept_max; ++i) (void)find(i);
    EXPECT_EQ(find(0), first);
    (void)find(100);
    EXPECT_EQ(find(0), first) << "it was used, so another one went";
    for (std::size_t i = 200; i < 200 + AttemptForms::kept_max; ++i) (void)find(i);
    EXPECT_NE(find(0), first);
}

TEST(AttemptForms, what_sent_nothing_has_one_too) {
    AttemptForms forms;
    const auto first = forms.find(attempt(nullptr, "a"), 7);
    EXPECT_FALSE(first->request);
    EXPECT_EQ(forms.find(attempt(nullptr, "a"), 7), first);
    EXPECT_NE(forms.find(attempt(RequestForm::plain(""), "a"), 7), first);
}

TEST(AttemptDetail, has_what_is_known_and_nothing_else) {
    EXPECT_EQ(rest_of({}), "");
    Attempt a;
    a.answer = "ok";
    a.answer_type = "text/plain";
    EXPECT_EQ(rest_of(a), R"({"answer_type":"text/plain","answer":"ok"})");
    a.answer = "\xff";
    a.answer_cut = true;
    a.error = "it said \"no\"";
    EXPECT_EQ(rest_of(a), R"({"error":"it said \"no\"","answer_type":"text/plain",)"
                          R"("answer_base64":"/w==","answer_cut":true})");
}

}  // namespace
}  // namespace blotter::delivery
