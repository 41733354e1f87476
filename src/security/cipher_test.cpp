#include "security/cipher.hpp"

#include <string>

#include <gtest/gtest.h>

namespace blotter::security {
namespace {

struct Vector {
    std::string key, nonce, plain, aad, sealed;
};

// "The Galois/Counter Mode of Operation" (McGrew, Viega), test cases 13, 14 and 16 for AES-256.
const Vector vectors[] = {
    {std::string(64, '0'), std::string(24, '0'), "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {std::string(64, '0'), std::string(24, '0'), std::string(32, '0'), "",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
     "8838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

GcmNonce nonce_of(const Vector& v) {
    const Bytes bytes = *from_hex(v.nonce);
    GcmNonce nonce;
    std::copy(bytes.begin(), bytes.end(), nonce.begin());
    return nonce;
}

TEST(AesGcm, gives_the_published_ciphertexts_from_one_kept_context) {
    AesGcm cipher(Bytes(32, 9));
    for (int round = 0; round < 2; ++round)
        for (const Vector& v : vectors) {
            cipher.rekey(*from_hex(v.key));
            const Bytes plain = *from_hex(v.plain);
            Bytes sealed(plain.size() + gcm_tag_bytes);
            // Opening and sealing take turns in the same context.
            for (int i = 0; i < 2; ++i) {
                cipher.seal(nonce_of(v), *from_hex(v.aad), plain, sealed.data());
                EXPECT_EQ(to_hex(sealed), v.sealed);
                Bytes opened(plain.size());
                EXPECT_TRUE(cipher.open(nonce_of(v), *from_hex(v.aad), sealed, opened.data()));
                EXPECT_EQ(opened, plain);
            }
        }
}

TEST(AesGcm, refuses_any_changed_bit_and_shows_nothing_of_the_text) {
    const Vector& v = vectors[2];
    AesGcm cipher(*from_hex(v.key));
    const Bytes sealed = *from_hex(v.sealed);
    const Bytes aad = *from_hex(v.aad);
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes wrong = sealed;
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        Bytes out(sealed.size() - gcm_tag_bytes, 0xee);
        EXPECT_FALSE(cipher.open(nonce_of(v), aad, wrong, out.data())) << bit;
        EXPECT_EQ(out, Bytes(out.size(), 0)) << bit;
    }
    Bytes other_aad = aad;
    other_aad[0] ^= 1;
    Bytes out(sealed.size() - gcm_tag_bytes);
    EXPECT_FALSE(cipher.open(nonce_of(v), other_aad, sealed, out.data()));
    GcmNonce other_nonce = nonce_of(v);
    other_nonce[11] ^= 1;
    EXPECT_FALSE(cipher.open(other_nonce, aad, sealed, out.data()));
    for (std::size_t size = 0; size < sealed.size(); ++size)
        EXPECT_FALSE(cipher.open(nonce_of(v), aad, ByteView{sealed}.first(size), out.data()));
    EXPECT_TRUE(cipher.open(nonce_of(v), aad, sealed, out.data())) << "still usable afterwards";
}

}  // namespace
}  // namespace blotter::security
