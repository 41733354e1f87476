#include "security/standard_webhooks.hpp"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/compat_signature.hpp"
#include "security/test_random.hpp"

namespace blotter::security {
namespace {

using testing::HasSubstr;

// The published test vectors of Standard Webhooks (v1) and of its first implementation (v1a),
// recomputed with `openssl dgst -sha256 -mac HMAC` and `openssl pkeyutl -sign -rawin`.
constexpr std::string_view vector_id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::string_view vector_body = R"({"test": 2432232314})";
constexpr std::string_view vector_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr std::string_view vector_v1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
constexpr std::string_view vector_private =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
constexpr std::string_view vector_public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
constexpr std::string_view vector_v1a =
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
constexpr std::chrono::sys_seconds vector_time{std::chrono::seconds{1614265330}};
constexpr std::string_view own_text = "a text of my own, long enough";

template <typename... Texts>
WebhookSigner signer_of(Texts... texts) {
    std::vector<WebhookSecret> secrets;
    (secrets.push_back(*WebhookSecret::parse(texts)), ...);
    return *WebhookSigner::create(secrets);
}

WebhookMessage vector_message() {
    return {vector_id, vector_time, as_bytes(vector_body)};
}

Result<> verify(std::vector<std::string_view> keys, const WebhookHeaders& headers,
                std::string_view body = vector_body, Timestamp now = vector_time) {
    auto verifier = WebhookVerifier::create(keys);
    EXPECT_TRUE(verifier) << describe(verifier.error());
    return verifier->verify(headers, as_bytes(body), now);
}

TEST(WebhookSigner, gives_the_published_signatures) {
    EXPECT_EQ(signer_of(vector_secret).sign(vector_message()), std::string{vector_v1});
    EXPECT_EQ(signer_of(vector_private).sign(vector_message()), std::string{vector_v1a});
    // The 32-byte form of the same key.
    EXPECT_EQ(signer_of("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=").sign(vector_message()),
              std::string{vector_v1a});
}

TEST(WebhookSigner, gives_the_same_signature_from_one_object_again_and_again) {
    WebhookSigner signer = signer_of(vector_secret, vector_private);
    const std::string both = std::string{vector_v1} + " " + std::string{vector_v1a};
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(signer.sign(vector_message()), both);
        EXPECT_NE(signer.sign({"other", vector_time, as_bytes("x")}), both);
        EXPECT_TRUE(signer.sign({"empty", vector_time, {}}));
    }
}

TEST(WebhookSigner, lists_one_signature_per_secret_during_a_rotation) {
    WebhookSigner signer = signer_of(own_text, vector_secret);
    const std::string list = *signer.sign(vector_message());
    EXPECT_EQ(list.substr(0, 3), "v1,");
    EXPECT_EQ(list.substr(48), std::string{vector_v1});
    EXPECT_EQ(list[47], ' ');
    EXPECT_TRUE(verify({vector_secret}, {vector_id, "1614265330", list}));
    EXPECT_TRUE(verify({own_text}, {vector_id, "1614265330", list}));
}

TEST(WebhookSigner, refuses_ids_that_make_a_signature_ambiguous_or_break_the_header) {
    WebhookSigner signer = signer_of(vector_secret);
    using namespace std::string_view_literals;
    const std::string long_id(129, 'a');
    for (const std::string_view id : {""sv, "a.b"sv, "a\r\nX: y"sv, "a\0b"sv, "a b"sv, "é"sv,
                                      "a,b"sv, std::string_view{long_id}}) {
        const auto signed_ = signer.sign({id, vector_time, as_bytes("x")});
        ASSERT_FALSE(signed_) << id;
        EXPECT_EQ(signed_.error().code, Errc::invalid_argument);
    }
    EXPECT_TRUE(check_webhook_id(std::string(128, 'a')));
    EXPECT_TRUE(check_webhook_id("evt_01J9ZC3M4N-x"));
}

TEST(WebhookSigner, takes_one_to_four_secrets) {
    EXPECT_FALSE(WebhookSigner::create({}));
    std::vector<WebhookSecret> secrets;
    for (int i = 0; i < 4; ++i) secrets.push_back(*WebhookSecret::parse(own_text));
    EXPECT_TRUE(WebhookSigner::create(secrets));
    secrets.push_back(*WebhookSecret::parse(own_text));
    EXPECT_FALSE(WebhookSigner::create(secrets));
}

TEST(WebhookVerifier, accepts_what_the_specification_accepts) {
    const std::string v1{vector_v1};
    const std::string v1a{vector_v1a};
    const struct {
        const char* what;
        std::vector<std::string_view> keys;
        std::string header;
    } cases[] = {
        {"one signature", {vector_secret}, v1},
        {"an Ed25519 signature", {vector_public}, v1a},
        {"the second of two",
         {vector_secret},
         "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= " + v1},
        {"unknown versions beside it", {vector_secret}, "v9,x v1b,zz nonsense " + v1 + " v2,"},
        {"the second key", {own_text, vector_secret}, v1},
        {"either kind of key", {own_text, vector_public}, v1 + " " + v1a},
        {"several spaces", {vector_secret}, "  " + v1 + "  "},
        {"sixteen items",
         {vector_secret},
         "v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a v1,a "
         "v1,a v1,a v1,a v1,a v1,a " +
             v1},
    };
    for (const auto& c : cases) {
        const auto result = verify(c.keys, {vector_id, "1614265330", c.header});
        EXPECT_TRUE(result) << c.what << ": " << describe(result.error());
    }
}

TEST(WebhookVerifier, refuses_everything_else_as_a_bad_signature) {
    const std::string v1{vector_v1};
    const std::string v1a{vector_v1a};
    std::string many;
    for (int i = 0; i < 16; ++i) many += "v1,a ";
    const std::string long_header = v1 + std::string(4100, ' ');
    const std::string long_id(129, 'm');
    const struct {
        const char* what;
        std::string id, timestamp, header, body;
    } cases[] = {
        {"changed body", "", "", v1, R"({"test": 2432232315})"},
        {"reformatted body", "", "", v1, R"({"test":2432232314})"},
        {"empty body", "", "", v1, "-"},
        {"other id", "msg_p5jXN8AQM9LWM0D4loKWxJel", "", v1, ""},
        {"other second", "", "1614265331", v1, ""},
        {"zero before the second", "", "01614265330", v1, ""},
        {"cut signature", "", "", v1.substr(0, v1.size() - 1), ""},
        {"longer signature", "", "", v1 + "A", ""},
        {"no version", "", "", v1.substr(3), ""},
        {"version in capitals", "", "", "V1," + v1.substr(3), ""},
        {"other version", "", "", "v2," + v1.substr(3), ""},
        {"other case", "", "", "v1,G" + v1.substr(4), ""},
        {"public-key version on an HMAC key", "", "", v1a, ""},
        {"nothing but spaces", "", "", "   ", ""},
        {"seventeen items", "", "", many + v1, ""},
        {"long header", "", "", long_header, ""},
        {"long id", long_id, "", v1, ""},
        {"dot in the id", "msg.x", "", v1, ""},
        {"control character in the id", "msg\n", "", v1, ""},
        {"time in words", "", "1e400", v1, ""},
        {"negative time", "", "-1614265330", v1, ""},
        {"time beyond 64 bits", "", "9223372036854775808", v1, ""},
        {"time in hexadecimal", "", "0x6037bd72", v1, ""},
        {"time with a fraction", "", "1614265330.0", v1, ""},
        {"time with a sign", "", "+1614265330", v1, ""},
        {"time with a space", "", " 1614265330", v1, ""},
    };
    for (const auto& c : cases) {
        const auto result =
            verify({vector_secret},
                   {c.id.empty() ? vector_id : std::string_view{c.id},
                    c.timestamp.empty() ? "1614265330" : std::string_view{c.timestamp}, c.header},
                   c.body.empty()  ? vector_body
                   : c.body == "-" ? ""
                                   : std::string_view{c.body});
        ASSERT_FALSE(result) << c.what;
        EXPECT_EQ(result.error().code, Errc::bad_signature) << c.what;
    }
    EXPECT_FALSE(verify({vector_secret}, {"", "1614265330", v1}));
    EXPECT_FALSE(verify({vector_secret}, {vector_id, "", v1}));
    EXPECT_FALSE(verify({vector_secret}, {vector_id, "1614265330", ""}));
    EXPECT_FALSE(verify({own_text}, {vector_id, "1614265330", v1})) << "another key";
    EXPECT_FALSE(verify({vector_public}, {vector_id, "1614265330", "v1a," + v1.substr(3)}));
    EXPECT_FALSE(verify({vector_public}, {vector_id, "1614265330", "v1a,*"}));
}

TEST(WebhookVerifier, allows_five_minutes_either_way_and_not_a_second_more) {
    using namespace std::chrono_literals;
    const WebhookHeaders headers{vector_id, "1614265330", vector_v1};
    for (const auto away : {0s, 300s, -300s})
        EXPECT_TRUE(verify({vector_secret}, headers, vector_body, vector_time + away));
    for (const auto away : {301s, -301s, 3600s * 24 * 365}) {
        const auto result = verify({vector_secret}, headers, vector_body, vector_time + away);
        ASSERT_FALSE(result);
        EXPECT_THAT(result.error().detail, HasSubstr("five minutes"));
    }
    // A forger is told about the signature, not about our clock.
    const auto forged = verify({own_text}, headers, vector_body, vector_time + 3600s);
    EXPECT_THAT(forged.error().detail, HasSubstr("no signature matches"));
}

TEST(WebhookVerifier, refuses_every_single_changed_character_of_a_signature) {
    for (std::size_t i = 3; i < vector_v1.size(); ++i) {
        std::string wrong{vector_v1};
        wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(verify({vector_secret}, {vector_id, "1614265330", wrong})) << i;
    }
}

TEST(WebhookVerifier, refuses_a_secret_key_where_a_public_one_belongs) {
    const std::array keys{vector_private};
    EXPECT_THAT(WebhookVerifier::create(keys).error().detail, HasSubstr("whpk_"));
    EXPECT_FALSE(WebhookVerifier::create({}));
}

TEST(WebhookSecret, reads_the_three_forms) {
    const auto standard = WebhookSecret::parse(vector_secret);
    ASSERT_TRUE(standard);
    EXPECT_EQ(to_hex(standard->key()), "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0");
    EXPECT_EQ(standard->text().expose_text(), vector_secret);
    EXPECT_EQ(standard->masked(), "whsec_…LaSw");

    const auto own = WebhookSecret::parse(own_text);
    ASSERT_TRUE(own);
    EXPECT_EQ(as_text(own->key()), own_text) << "own text is the key, byte for byte";
    EXPECT_EQ(own->masked(), "…ough");
    EXPECT_EQ(WebhookSecret::parse("sixteen bytes ok")->masked(), "…");
    EXPECT_TRUE(WebhookSecret::parse(std::string(512, 'k')));

    const auto asymmetric = WebhookSecret::parse(vector_private);
    ASSERT_TRUE(asymmetric);
    EXPECT_EQ(asymmetric->kind(), WebhookSecretKind::ed25519);
    EXPECT_EQ(asymmetric->public_text(), std::string{vector_public});
}

TEST(WebhookSecret, refuses_wrong_texts_without_repeating_them) {
    using namespace std::string_view_literals;
    const std::string too_long(513, 'k');
    const std::string whsec_23 = "whsec_" + to_base64(Bytes(23, 1));
    const std::string whsec_65 = "whsec_" + to_base64(Bytes(65, 1));
    const std::string whsk_33 = "whsk_" + to_base64(Bytes(33, 1));
    const std::string whsk_torn = "whsk_" + to_base64(Bytes(64, 1));
    const std::string huge = "whsec_" + std::string(1 << 20, 'A');
    const struct {
        std::string_view text, says;
    } cases[] = {
        {"", "16 to 512"},
        {"fifteen bytes..", "16 to 512"},
        {too_long, "16 to 512"},
        {" leading space in it", "space"},
        {"trailing space in it ", "space"},
        {"a line end at the end\n", "line ends"},
        {"a NUL \0 in the middle"sv, "control"},
        {"not \xff\xfe utf-8 at all", "UTF-8"},
        {"whsec_", "24 to 64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-w", "base64"},
        {whsec_23, "24 to 64"},
        {whsec_65, "24 to 64"},
        {huge, "base64"},
        {whsk_33, "32 bytes"},
        {whsk_torn, "belong together"},
        {vector_public, "public key"},
    };
    for (const auto& c : cases) {
        const auto result = WebhookSecret::parse(c.text);
        ASSERT_FALSE(result) << c.text.substr(0, 40);
        EXPECT_EQ(result.error().code, Errc::invalid_argument);
        EXPECT_THAT(result.error().detail, HasSubstr(std::string{c.says}));
        if (c.text.size() > 10)
            EXPECT_EQ(result.error().detail.find(c.text.substr(6, 30)), std::string::npos);
    }
}

TEST(WebhookSecret, generates_secrets_that_read_back_and_differ) {
    TestRandom random(7);
    const WebhookSecret first = WebhookSecret::generate_hmac(random);
    const WebhookSecret second = WebhookSecret::generate_hmac(random);
    EXPECT_EQ(first.key().size(), 32u);
    EXPECT_NE(first.text().expose_text(), second.text().expose_text());
    const auto again = WebhookSecret::parse(first.text().expose_text());
    ASSERT_TRUE(again);
    EXPECT_EQ(as_text(again->key()), as_text(first.key()));

    const WebhookSecret pair = WebhookSecret::generate_ed25519(random);
    EXPECT_EQ(pair.text().size(), 5u + 88u);
    const auto pair_again = WebhookSecret::parse(pair.text().expose_text());
    ASSERT_TRUE(pair_again) << describe(pair_again.error());
    const std::string public_key = *pair.public_text();
    WebhookSigner signer = *WebhookSigner::create({&pair, 1});
    EXPECT_TRUE(verify({public_key}, {vector_id, "1614265330", *signer.sign(vector_message())}));
    EXPECT_FALSE(first.public_text());
}

TEST(WebhookSecret, can_write_an_own_text_for_libraries_that_want_whsec) {
    const auto own = WebhookSecret::parse(own_text);
    const auto text = own->whsec_text();
    ASSERT_TRUE(text);
    EXPECT_EQ(as_text(WebhookSecret::parse(text->expose_text())->key()), own_text);
    EXPECT_FALSE(WebhookSecret::parse("sixteen bytes ok")->whsec_text()) << "too short for whsec_";
    EXPECT_FALSE(WebhookSecret::parse(vector_private)->whsec_text());
}

TEST(CompatSigner, writes_the_two_older_forms) {
    // printf '%s' "$body" | openssl dgst -sha256 -hmac "$secret"
    std::vector<WebhookSecret> secrets;
    secrets.push_back(*WebhookSecret::parse(own_text));
    secrets.push_back(*WebhookSecret::parse(vector_secret));
    const ByteView body = as_bytes(vector_body);
    for (int i = 0; i < 2; ++i) {
        std::string plain;
        auto hex = CompatSigner::create(CompatForm::hex_of_body, secrets);
        hex->append_signature(plain, vector_time, body);
        EXPECT_EQ(plain, "8f5f768caa59fc7df4d52fdf94079ca86e524686307e221e6ff67ffe625fc4df");

        std::string timed;
        auto with_time = CompatSigner::create(CompatForm::time_and_hex, secrets);
        with_time->append_signature(timed, vector_time, body);
        EXPECT_EQ(timed,
                  "t=1614265330,v1=8449f7fa8e599bc3dc053a094b476705c5447f7dc24904c12c482d2d448375a8"
                  ",v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964");
    }
}

TEST(CompatSigner, refuses_ed25519_and_no_secret_at_all) {
    const auto pair = WebhookSecret::parse(vector_private);
    EXPECT_FALSE(CompatSigner::create(CompatForm::hex_of_body, {&*pair, 1}));
    EXPECT_FALSE(CompatSigner::create(CompatForm::time_and_hex, {}));
}

}  // namespace
}  // namespace blotter::security
