#include "security/api_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/test_random.hpp"

namespace blotter::security {
namespace {

using testing::HasSubstr;
using testing::Not;

const ApiKeyId id{.value = {0x01, 0x92, 0x3f, 0x01, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}};

class FixedRandom final : public RandomSource {
  public:
    explicit FixedRandom(std::uint8_t byte) : byte_(byte) {}
    void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, byte_); }

  private:
    std::uint8_t byte_;
};

TEST(ApiKey, is_read_back_with_its_id_and_hash) {
    TestRandom random(3);
    const NewApiKey key = create_api_key(id, random);
    EXPECT_EQ(key.text.size(), api_key_text_bytes);
    const auto presented = read_api_key(key.text.expose_text());
    ASSERT_TRUE(presented);
    EXPECT_EQ(presented->id, id);
    EXPECT_TRUE(matches(*presented, key.hash));
    EXPECT_FALSE(matches(*presented, Digest{}));
    Digest wrong = key.hash;
    wrong[31] ^= 1;
    EXPECT_FALSE(matches(*presented, wrong));
    EXPECT_EQ(key.hash, sha256(key.text.expose_text()));
}

TEST(ApiKey, has_the_documented_text) {
    // Python: int.from_bytes(bytes, "big") in base 62, zlib.crc32 of "blt_…_…" likewise.
    FixedRandom zeros(0);
    FixedRandom ones(0xff);
    EXPECT_EQ(create_api_key(id, zeros).text.expose_text(),
              "blt_01J8ZG20G30G2GC1R81450P30D_0000000000000000000000000000000000000000000_48b1gH");
    EXPECT_EQ(create_api_key(id, ones).text.expose_text(),
              "blt_01J8ZG20G30G2GC1R81450P30D_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1_1MWXo9");
}

TEST(ApiKey, is_shown_masked_without_most_of_its_secret) {
    TestRandom random(4);
    const NewApiKey key = create_api_key(id, random);
    const std::string_view text = key.text.expose_text();
    EXPECT_EQ(key.hint, std::string{text.substr(0, 12)} + "…" + std::string{text.substr(70, 4)});
}

TEST(ApiKey, is_refused_when_any_character_is_changed_added_or_missing) {
    TestRandom random(5);
    const std::string text{create_api_key(id, random).text.expose_text()};
    for (std::size_t i = 0; i < text.size(); ++i)
        for (const char c : std::string_view{"0Az_-. \0\xff", 9}) {
            std::string wrong = text;
            if (wrong[i] == c) continue;
            wrong[i] = c;
            const auto result = read_api_key(wrong);
            ASSERT_FALSE(result) << i << " " << c;
            EXPECT_EQ(result.error().code, Errc::unauthenticated);
            EXPECT_THAT(result.error().detail, Not(HasSubstr(text.substr(31, 10))));
        }
    for (std::size_t size = 0; size < text.size(); ++size)
        EXPECT_FALSE(read_api_key(text.substr(0, size))) << size;
    EXPECT_FALSE(read_api_key(text + "0"));
    EXPECT_FALSE(read_api_key(" " + text));
    EXPECT_FALSE(read_api_key(std::string(1 << 20, 'a')));
}

}  // namespace
}  // namespace blotter::security
