#include "documents/totals.hpp"

#include <gtest/gtest.h>

#include "documents/codec.hpp"

namespace blotter::documents {
namespace {

/// Reads a document of `text`, without `currency` in EUR, and settles its totals.
Result<Content> settled(const std::string& text) {
    auto body = json::parse(text);
    if (!body) return pass(body.error());
    if (body->find("currency") == nullptr) body->as_object()->append("currency", "EUR");
    TRY(DocumentRequest request, parse_request(*body, 1'000));
    CHECK(settle_totals(request.content));
    return std::move(request.content);
}

TEST(Totals, agree_exactly_or_are_refused_with_both_figures) {
    const struct {
        const char* text;
        const char* pointer;  ///< empty: accepted
        const char* words;
    } cases[] = {
        {R"({"lines":[{"net_amount":"0.10"},{"net_amount":"0.20"}],"gross_total":"0.30"})", "", ""},
        {R"({"lines":[{"net_amount":0.10},{"net_amount":0.20}],"gross_total":0.3})", "", ""},
        {R"({"lines":[{"net_amount":"0.10"},{"net_amount":"0.20"}],"net_total":"0.31"})",
         "/net_total",
         "0.31 does not agree: the sum of the lines' net amounts gives 0.30, a "
         "difference of 0.01"},
        {R"({"lines":[{"net_amount":"100","vat_amount":"20"}],"vat_total":"19.99"})", "/vat_total",
         "20.00"},
        {R"({"lines":[{"net_amount":"100","vat_amount":"20"}],"gross_total":"100"})",
         "/gross_total", "net + VAT gives 120.00"},
        {R"({"lines":[{"net_amount":"100","vat_amount":"20","gross_amount":"121"}]})",
         "/lines/0/gross_amount", "120.00"},
        {R"({"lines":[{"net_amount":"99.99","vat_rate":"5.5"}],"vat_total":"5.50"})", "", ""},
        {R"({"lines":[{"net_amount":"100","vat_rate":"20"}],"gross_total":"100"})", "/gross_total",
         "net + VAT gives 120.00"},
        {R"({"lines":[{"net_amount":"100","vat_rate":"20","vat_amount":"19.99"}]})", "", ""},
        {R"({"lines":[{"quantity":"3","unit_price":"0.333"}]})", "", ""},
        {R"({"lines":[{"quantity":"3","unit_price":"0.333","net_amount":"0.99"}]})",
         "/lines/0/net_amount", "quantity × unit price gives 1.00"},
        {R"({"lines":[{"quantity":"1","unit_price":"0.125"}],"net_total":"0.13"})", "", ""},
        {R"({"lines":[{"quantity":2,"unit_price":50,"discount":"10","net_amount":"90"}]})", "", ""},
        {R"({"lines":[{"description":"nothing"}]})", "/lines/0/net_amount", "needs its net_amount"},
        {R"({"lines":[{"net_amount":"1.005"}]})", "/lines/0/net_amount",
         "more than the 2 decimals"},
        {R"({"lines":[{"net_amount":"1.500"}],"net_total":"1.5"})", "", ""},
        {R"({"currency":"JPY","lines":[{"net_amount":"1.5"}]})", "/lines/0/net_amount",
         "more than the 0 decimals"},
        {R"({"currency":"TND","lines":[{"net_amount":"1.005"}]})", "", ""},
        {R"({"lines":[{"net_amount":"9.99"}],"rounding":"0.01","gross_total":"10"})", "", ""},
        {R"({"lines":[{"net_amount":"9.99"}],"rounding":"0.01","gross_total":"9.99"})",
         "/gross_total", "net + VAT + rounding gives 10.00"},
        {R"({"lines":[{"net_amount":"-5"},{"net_amount":"5"}],"gross_total":"0"})", "", ""},
        {R"({"gross_total":"12.345"})", "/gross_total", "more than the 2 decimals"},
        {R"({"gross_total":"12.34"})", "", ""},
        {R"({"lines":[{"net_amount":"99999999999999999999.99"},{"net_amount":"0.01"}],)"
         R"("net_total":"100000000000000000000"})",
         "", ""},
    };
    for (const auto& item : cases) {
        const auto result = settled(item.text);
        if (item.pointer[0] == '\0') {
            EXPECT_TRUE(result) << item.text << ": " << result.error().detail;
            continue;
        }
        ASSERT_FALSE(result) << item.text;
        EXPECT_EQ(result.error().code, Errc::invalid_argument) << item.text;
        EXPECT_EQ(result.error().pointer, item.pointer) << result.error().detail;
        EXPECT_TRUE(result.error().detail.contains(item.words))
            << result.error().detail << " | " << item.words;
    }
}

TEST(Totals, that_are_not_given_follow_from_the_lines) {
    const auto content =
        settled(R"({"lines":[{"quantity":"2.5","unit_price":"5000.04","vat_amount":"2500.02"},)"
                R"({"net_amount":"1"}]})");
    ASSERT_TRUE(content);
    EXPECT_EQ(content->lines[0].amounts.net->to_text(), "12500.10");
    EXPECT_EQ(content->lines[0].amounts.gross->to_text(), "15000.12");
    EXPECT_EQ(content->lines[1].amounts.vat->to_text(), "0.00");
    EXPECT_EQ(content->totals.net->to_text(), "12501.10");
    EXPECT_EQ(content->totals.vat->to_text(), "2500.02");
    EXPECT_EQ(content->totals.gross->to_text(), "15001.12");
}

TEST(Totals, settle_to_themselves) {
    auto content =
        settled(R"({"lines":[{"quantity":"3","unit_price":"0.335"}],"rounding":"0.05"})");
    ASSERT_TRUE(content);
    const Content once = *content;
    EXPECT_TRUE(settle_totals(*content));
    EXPECT_EQ(*content, once);
}

}  // namespace
}  // namespace blotter::documents
