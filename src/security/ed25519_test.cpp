#include "security/ed25519.hpp"

#include <string>

#include <gtest/gtest.h>

#include "security/test_random.hpp"

namespace blotter::security {
namespace {

struct Vector {
    std::string seed;
    std::string public_key;
    std::string message;
    std::string signature;
};

// RFC 8032 section 7.1: tests 1, 2, 3 and SHA(abc).
const Vector rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
     "ebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
     "e0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, signs_and_verifies_the_vectors_of_rfc_8032) {
    for (const Vector& v : rfc8032) {
        const Bytes message = *from_hex(v.message);
        const auto pair = Ed25519KeyPair::from_seed(*from_hex(v.seed));
        ASSERT_TRUE(pair);
        EXPECT_EQ(to_hex(pair->public_bytes()), v.public_key);
        EXPECT_EQ(to_hex(pair->sign(message)), v.signature);
        const auto key = Ed25519PublicKey::from_bytes(*from_hex(v.public_key));
        ASSERT_TRUE(key);
        EXPECT_TRUE(key->verify(message, *from_hex(v.signature)));
    }
}

TEST(Ed25519, refuses_any_changed_bit_of_signature_message_or_key) {
    const Vector& v = rfc8032[2];
    const Bytes message = *from_hex(v.message);
    const Bytes signature = *from_hex(v.signature);
    const auto key = Ed25519PublicKey::from_bytes(*from_hex(v.public_key));
    for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
        Bytes wrong = signature;
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(key->verify(message, wrong)) << bit;
    }
    for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
        Bytes wrong = message;
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(key->verify(wrong, signature)) << bit;
    }
    for (std::size_t bit = 0; bit < ed25519_public_bytes * 8; ++bit) {
        Bytes wrong = *from_hex(v.public_key);
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(Ed25519PublicKey::from_bytes(wrong)->verify(message, signature)) << bit;
    }
}

TEST(Ed25519, refuses_a_signature_with_s_raised_by_the_group_order) {
    // RFC 8032 section 5.1.7: S must be below L, or every signature would have a twin.
    Bytes signature = *from_hex(rfc8032[0].signature);
    const Bytes order = *from_hex(
        "edd3f55c1a631258d69cf7a2def9de14"
        "00000000000000000000000000000010");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = static_cast<std::uint8_t>(carry);
        carry >>= 8;
    }
    const auto key = Ed25519PublicKey::from_bytes(*from_hex(rfc8032[0].public_key));
    EXPECT_FALSE(key->verify({}, signature));
}

TEST(Ed25519, refuses_keys_and_signatures_of_other_lengths) {
    for (const std::size_t size : {0, 31, 33, 64}) {
        const Bytes bytes(size, 7);
        EXPECT_EQ(Ed25519KeyPair::from_seed(bytes).error().code, Errc::malformed) << size;
        EXPECT_EQ(Ed25519PublicKey::from_bytes(bytes).error().code, Errc::malformed) << size;
    }
    TestRandom random(1);
    const Ed25519KeyPair pair = Ed25519KeyPair::generate(random);
    const Ed25519Signature signature = pair.sign(as_bytes("m"));
    EXPECT_TRUE(pair.public_key().verify(as_bytes("m"), signature));
    for (const std::size_t size : {0, 1, 63})
        EXPECT_FALSE(pair.public_key().verify(as_bytes("m"), ByteView{signature}.first(size)));
}

TEST(Ed25519, generates_a_pair_that_its_seed_builds_again) {
    TestRandom random(2);
    const Ed25519KeyPair pair = Ed25519KeyPair::generate(random);
    const Ed25519KeyPair other = Ed25519KeyPair::generate(random);
    EXPECT_NE(pair.public_bytes(), other.public_bytes());
    const auto again = Ed25519KeyPair::from_seed(pair.seed().expose());
    EXPECT_EQ(again->public_bytes(), pair.public_bytes());
    EXPECT_EQ(again->sign(as_bytes("x")), pair.sign(as_bytes("x")));
}

}  // namespace
}  // namespace blotter::security
