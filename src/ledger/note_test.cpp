#include "ledger/note.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blotter::ledger {
namespace {

using testing::HasSubstr;
using testing::Not;

// The example of c2sp.org/signed-note.
constexpr std::string_view spec_key =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
constexpr std::string_view spec_note =
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKu"
    "wHjG1Yu72IneyaQM=\n";

// The published test key of golang.org/x/mod/sumdb/note.
constexpr std::string_view go_signer_key =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view go_verifier_key =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view go_text =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view go_note =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE"
    "6RyyBwJnAM=\n";

std::array<std::uint8_t, 32> test_seed(std::uint8_t fill) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(fill);
    return seed;
}

NoteSigner test_signer(std::string name, std::uint8_t fill) {
    return NoteSigner::create(std::move(name), test_seed(fill)).value();
}

TEST(NoteKey, signs_and_verifies_the_first_vector_of_rfc_8032) {
    const Bytes seed =
        from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").value();
    const Ed25519Signer signer{Ed25519Seed{seed}};
    EXPECT_EQ(to_hex(signer.public_key()),
              "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const auto signature = signer.sign({});
    EXPECT_EQ(
        to_hex(signature),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
        "1cf9b46bd25bf5f0595bbe24655141438e7a100b");
    EXPECT_TRUE(ed25519_verify(signer.public_key(), {}, signature));
    EXPECT_FALSE(ed25519_verify(signer.public_key(), as_bytes("x"), signature));
    EXPECT_FALSE(ed25519_verify(signer.public_key(), {}, ByteView{signature}.first(63)));
    Ed25519PublicKey no_point;
    no_point.fill(0xff);
    EXPECT_FALSE(ed25519_verify(no_point, {}, signature));
}

TEST(Note, the_published_examples_open) {
    const std::vector<NoteVerifier> known = {NoteVerifier::parse(spec_key).value(),
                                             NoteVerifier::parse(go_verifier_key).value()};
    EXPECT_EQ(open_note(spec_note, known).value().text, "This is an example message.\n");
    EXPECT_EQ(open_note(go_note, known).value().text, go_text);
    EXPECT_EQ(known[0].text(), spec_key);
    EXPECT_EQ(to_text(parse_note(spec_note).value()), spec_note);
}

TEST(Note, the_published_signer_key_makes_the_published_note) {
    const NoteSigner signer = NoteSigner::parse(go_signer_key).value();
    EXPECT_EQ(signer.verifier().text(), go_verifier_key);
    EXPECT_EQ(sign_note(std::string{go_text}, signer).value(), go_note);
    const std::string_view encoded = go_signer_key.substr(go_signer_key.find("+A") + 1);
    const Bytes seed = from_base64(encoded).value();
    EXPECT_EQ(signer_key_text("PeterNeumann", Ed25519Seed{ByteView{seed}.subspan(1)}).value(),
              go_signer_key);
}

TEST(Note, unknown_signatures_are_ignored_and_known_ones_must_all_be_right) {
    const NoteSigner one = test_signer("one.example", 1);
    const NoteSigner two = test_signer("two.example", 2);
    std::string note = sign_note("text\n", one).value();
    note = add_signature(note, two.sign("text\n")).value();

    const auto by_one = open_note(note, {{one.verifier()}}).value();
    EXPECT_EQ(by_one.verified.size(), 1U);
    EXPECT_EQ(by_one.unknown.size(), 1U);
    const std::vector<NoteVerifier> both = {one.verifier(), two.verifier()};
    EXPECT_EQ(open_note(note, both).value().verified.size(), 2U);

    const std::string wrong = add_signature(note, two.sign("other\n")).value();
    EXPECT_TRUE(open_note(wrong, {{one.verifier()}}));
    EXPECT_EQ(open_note(wrong, both).error().code, Errc::bad_signature);
    // Same name with another key is another signer.
    const NoteSigner namesake = test_signer("one.example", 3);
    EXPECT_EQ(open_note(note, {{namesake.verifier()}}).error().code, Errc::bad_signature);
    EXPECT_EQ(open_note(note, {}).error().code, Errc::bad_signature);
}

TEST(Note, a_signature_by_the_same_key_is_replaced) {
    const NoteSigner one = test_signer("one.example", 1);
    const std::string note = sign_note("text\n", one).value();
    EXPECT_EQ(add_signature(note, one.sign("text\n")).value(), note);
}

TEST(Note, any_flipped_bit_is_refused) {
    const NoteSigner signer = test_signer("log.example/a", 9);
    const std::string note = sign_note("log.example/a\n5\ntext ends\n", signer).value();
    ASSERT_TRUE(open_note(note, {{signer.verifier()}}));
    for (std::size_t i = 0; i < note.size() * 8; ++i) {
        std::string changed = note;
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
        EXPECT_FALSE(open_note(changed, {{signer.verifier()}})) << "bit " << i;
    }
}

TEST(Note, texts_of_another_form_are_refused) {
    const std::string line = std::string{spec_note.substr(spec_note.find("—"))};
    const std::vector<std::string> cases = {
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n" + line,                               // no blank line
        "text\n\n" + line.substr(0, line.size() - 1),  // no newline at the end
        "text\n\n" + line + "\n",
        "text\n\n" + line + "more\n",
        "text\n\n-" + line.substr(3),  // hyphen for the em dash
        "te\txt\n\n" + line,
        "te\rxt\n\n" + line,
        std::string("te\0xt\n\n", 7) + line,
        "te\xffxt\n\n" + line,
        "text\n\n— example.com/foo\n",
        "text\n\n— example.com/foo \n",
        "text\n\n—  Uw2QOkn8\n",
        "text\n\n— a+b Uw2QOkn8\n",
        "text\n\n— a Uw2QOg==\n",  // a key id and nothing else
        "text\n\n— a Uw2QOkn9=\n",
        "text\n\n— a Uw2QOkn8 \n",
        "text\n\n— a\u00a0b Uw2QOkn8\n"};
    for (const auto& note : cases) EXPECT_FALSE(parse_note(note)) << note;
    EXPECT_TRUE(parse_note("text\n\n— a Uw2QOkn8\n"));
    // The text may hold empty lines, and something that looks like a signature.
    EXPECT_EQ(parse_note("a\n\n— a Uw2QOkn8\n\n— a Uw2QOkn8\n").value().text,
              "a\n\n— a Uw2QOkn8\n");
}

TEST(Note, limits_are_enforced) {
    const std::string line = "— a Uw2QOkn8\n";
    std::string note = "text\n\n";
    for (std::size_t i = 0; i < note_signatures_max; ++i) note += line;
    EXPECT_TRUE(parse_note(note));
    EXPECT_FALSE(parse_note(note + line));
    EXPECT_EQ(parse_note(std::string(note_bytes_max, 'x') + "\n\n" + line).error().code,
              Errc::too_large);
    const NoteSigner signer = test_signer("a", 1);
    EXPECT_FALSE(sign_note("no newline", signer));
    EXPECT_FALSE(sign_note("control\x01\n", signer));
}

TEST(Note, names_that_cannot_be_key_names_are_refused) {
    for (const std::string name :
         {"", "a b", "a+b", "a\nb", "a\u2003b", "a\u0085", "\xff", "a\x01"})
        EXPECT_FALSE(NoteSigner::create(name, test_seed(1))) << name;
    EXPECT_FALSE(check_key_name(std::string(key_name_bytes_max + 1, 'a')));
    EXPECT_TRUE(check_key_name("ledger.example/größe"));
}

TEST(Note, verifier_keys_that_were_changed_are_refused) {
    for (std::size_t i = 0; i < spec_key.size() * 8; ++i) {
        std::string changed{spec_key};
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
        EXPECT_FALSE(NoteVerifier::parse(changed)) << changed;
    }
    for (const auto* text : {"", "a", "a+b", "++", "a+00000000+", "a+00000000+AQ==",
                             "a+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"})
        EXPECT_FALSE(NoteVerifier::parse(text)) << text;
    EXPECT_FALSE(NoteVerifier::parse(std::string{spec_key} + "\n"));
}

TEST(Note, signer_keys_that_were_changed_are_refused_without_showing_them) {
    const std::string_view secret = go_signer_key.substr(go_signer_key.find("+AYEK") + 1);
    for (const std::string& text :
         {std::string{go_verifier_key}, std::string{go_signer_key.substr(1)},
          std::string{"PRIVATE+KEY+PeterNeumann+c74f20a4+"} + std::string{secret},
          std::string{go_signer_key.substr(0, go_signer_key.size() - 4)}}) {
        const auto parsed = NoteSigner::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.error().detail, Not(HasSubstr(secret.substr(0, 12))));
    }
    static_assert(!std::is_copy_constructible_v<NoteSigner>);
    static_assert(std::is_move_constructible_v<NoteSigner>);
}

}  // namespace
}  // namespace blotter::ledger
