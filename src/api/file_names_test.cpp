#include "api/file_names.hpp"

#include <gtest/gtest.h>

namespace blotter::api {
namespace {

TEST(FileNames, are_read_from_percent_encoded_utf8) {
    EXPECT_EQ(read_file_name("contrat.pdf"), "contrat.pdf");
    EXPECT_EQ(read_file_name("Contrat%20sign%C3%A9%20n%C2%B0%201.pdf"), "Contrat signé n° 1.pdf");
    EXPECT_EQ(read_file_name(""), "file");
    EXPECT_EQ(read_file_name(std::string(1'024, 'a'))->size(), 1'024U);
}

TEST(FileNames, that_could_harm_or_mislead_are_refused) {
    for (const std::string& header :
         {std::string{"a%"}, std::string{"a%2"}, std::string{"a%zz"}, std::string{"a%C3"},
          std::string{"a%0d%0aSet-Cookie: x"}, std::string{"a%00.pdf"}, std::string{"a%7f"},
          std::string{"\xff"}, std::string(1'025, 'a'), std::string{"%ED%A0%80"}}) {
        const auto name = read_file_name(header);
        ASSERT_FALSE(name) << header;
        EXPECT_EQ(name.error().code, Errc::invalid_argument) << header;
    }
}

TEST(FileNames, media_types_are_taken_without_their_parameters) {
    EXPECT_EQ(read_media_type("Application/PDF; charset=binary"), "application/pdf");
    EXPECT_EQ(read_media_type("application/vnd.oasis.opendocument.text"),
              "application/vnd.oasis.opendocument.text");
    EXPECT_EQ(read_media_type(""), "application/octet-stream");
    for (const char* header : {"pdf", "/", "a/", "/b", "a/b/c", "a b/c", "text/\"x\""})
        EXPECT_EQ(read_media_type(header).error().code, Errc::unsupported_media_type) << header;
    EXPECT_FALSE(read_media_type("a/" + std::string(200, 'b')));
}

TEST(FileNames, nothing_that_a_browser_runs_goes_out_under_its_own_type) {
    EXPECT_EQ(safe_media_type("application/pdf"), "application/pdf");
    for (const char* type : {"text/html", "image/svg+xml", "application/xhtml+xml", "text/xml",
                             "application/javascript", ""})
        EXPECT_EQ(safe_media_type(type), "application/octet-stream") << type;
}

TEST(FileNames, go_into_the_disposition_in_both_forms_and_never_as_a_path) {
    EXPECT_EQ(make_disposition("contrat.pdf"),
              "attachment; filename=\"contrat.pdf\"; filename*=UTF-8''contrat.pdf");
    EXPECT_EQ(make_disposition("Signé n°1.pdf"),
              "attachment; filename=\"Sign_ n_1.pdf\"; filename*=UTF-8''Sign%C3%A9%20n%C2%B01.pdf");
    EXPECT_EQ(make_disposition("../a\\\"b"),
              "attachment; filename=\".._a__b\"; filename*=UTF-8''.._a_%22b");
    EXPECT_EQ(make_disposition("a'b%;"),
              "attachment; filename=\"a_b__\"; filename*=UTF-8''a%27b%25%3B");
}

}  // namespace
}  // namespace blotter::api
