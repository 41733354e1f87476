#include "ledger/proof.hpp"

#include <gtest/gtest.h>

#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

NoteSigner test_signer(std::string name = "log.example/tenant", std::uint8_t fill = 7) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(fill);
    return NoteSigner::create(std::move(name), seed).value();
}

std::string entry_text(std::uint64_t n) {
    return "entry " + std::to_string(n);
}

/// All tiles of a small log, in memory.
struct SmallLog : TileReader {
    explicit SmallLog(std::uint64_t size) {
        for (std::uint64_t n = 0; n < size; ++n) builder.append(leaf_hash(as_bytes(entry_text(n))));
        tiles = builder.take_completed();
        for (Tile& tile : builder.partial_tiles()) tiles.push_back(std::move(tile));
    }
    Result<Bytes> read_tile(const TileId& id) override {
        for (const Tile& tile : tiles)
            if (tile.id == id) return tile.bytes;
        return fail(Errc::not_found, "no such tile");
    }
    LogProof proof_of(std::uint64_t index, const NoteSigner& signer) {
        TileHashReader reader{*this, builder.size()};
        LogProof proof;
        proof.index = index;
        proof.hashes = prove_inclusion(index, builder.size(), reader).value();
        proof.checkpoint =
            sign_checkpoint({signer.verifier().name(), builder.head()}, signer).value();
        const std::string entry = entry_text(index);
        proof.extra = Bytes(entry.begin(), entry.end());
        return proof;
    }
    TileBuilder builder;
    std::vector<Tile> tiles;
};

TEST(Checkpoint, text_of_the_specification_goes_both_ways) {
    constexpr std::string_view text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    const Checkpoint checkpoint = parse_checkpoint(text).value();
    EXPECT_EQ(checkpoint.origin, "example.com/behind-the-sofa");
    EXPECT_EQ(checkpoint.head.size, 20'852'163U);
    EXPECT_EQ(to_text(checkpoint), text);
    const std::string more = std::string{text} + "one\ntwo\n";
    EXPECT_EQ(to_text(parse_checkpoint(more).value()), more);
}

TEST(Checkpoint, texts_of_another_form_are_refused) {
    const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    const std::vector<std::string> cases = {
        "",
        "\n",
        "o\n",
        "o\n1\n",
        "o\n1\n" + root,
        "\n1\n" + root + "\n",
        "o\n01\n" + root + "\n",
        "o\n-1\n" + root + "\n",
        "o\n+1\n" + root + "\n",
        "o\n\n" + root + "\n",
        "o\n1 \n" + root + "\n",
        "o\n0x1\n" + root + "\n",
        "o\n18446744073709551616\n" + root + "\n",
        "o\n4611686018427387905\n" + root + "\n",
        "o\n1\n" + root.substr(4) + "\n",
        "o\n1\nAAAA" + root + "\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",  // bits beyond the 32 bytes
        "o\n0\n" + root + "\n",                                  // an empty tree has one root
        "o\n1\n" + root + "\n\n",
        "o\n1\n" + root + "\n\nx\n",
        "o\n1\n" + root + "\nx"};
    for (const auto& text : cases) EXPECT_FALSE(parse_checkpoint(text)) << text;
    std::string many = "o\n1\n" + root + "\n";
    for (std::size_t i = 0; i < checkpoint_extensions_max; ++i) many += "x\n";
    EXPECT_TRUE(parse_checkpoint(many));
    EXPECT_FALSE(parse_checkpoint(many + "x\n"));
}

TEST(Checkpoint, is_signed_and_opened_only_by_the_key_of_its_log) {
    const NoteSigner signer = test_signer();
    const Checkpoint checkpoint{"log.example/tenant", {1, leaf_hash(as_bytes("x"))}};
    const std::string note = sign_checkpoint(checkpoint, signer).value();
    EXPECT_EQ(open_checkpoint(note, signer.verifier()).value().checkpoint, checkpoint);

    EXPECT_EQ(sign_checkpoint({"log.example/other", checkpoint.head}, signer).error().code,
              Errc::invalid_argument);
    EXPECT_EQ(open_checkpoint(note, test_signer("log.example/tenant", 8).verifier()).error().code,
              Errc::bad_signature);
    // A genuine signature of this key over another log's checkpoint.
    const std::string foreign =
        sign_note(to_text(Checkpoint{"log.example/other", checkpoint.head}), signer).value();
    EXPECT_EQ(open_checkpoint(foreign, signer.verifier()).error().code, Errc::bad_signature);
    // Origins that would break the lines of the note.
    EXPECT_FALSE(sign_checkpoint({"", checkpoint.head}, signer));
    EXPECT_FALSE(sign_checkpoint({"log.example/tenant", {0, checkpoint.head.root}}, signer));

    const std::string witnessed =
        add_signature(note, test_signer("witness.example", 3).sign(to_text(checkpoint))).value();
    EXPECT_EQ(open_checkpoint(witnessed, signer.verifier()).value().others.size(), 1U);
}

TEST(Proof, every_entry_of_small_logs_proves_itself_from_its_file) {
    const NoteSigner signer = test_signer();
    for (const std::uint64_t size : {1U, 2U, 3U, 255U, 256U, 257U, 600U}) {
        SmallLog log{size};
        for (std::uint64_t index = 0; index < size; index += size > 50 ? 41 : 1) {
            const LogProof proof = log.proof_of(index, signer);
            const std::string text = to_text(proof);
            EXPECT_EQ(parse_proof(text).value(), proof);
            EXPECT_EQ(as_text(verify_proof_text(text, signer.verifier()).value()),
                      entry_text(index));
            const auto checkpoint =
                verify_proof(proof, as_bytes(entry_text(index)), signer.verifier());
            EXPECT_EQ(checkpoint.value().head, log.builder.head());
        }
    }
}

TEST(Proof, has_the_lines_of_the_specification) {
    const NoteSigner signer = test_signer();
    SmallLog log{2};
    LogProof proof = log.proof_of(1, signer);
    proof.extra.reset();
    const std::string sibling = to_base64(leaf_hash(as_bytes(entry_text(0))));
    EXPECT_EQ(to_text(proof),
              "c2sp.org/tlog-proof@v1\nindex 1\n" + sibling + "\n\n" + proof.checkpoint);
    EXPECT_EQ(verify_proof_text(to_text(proof), signer.verifier()).error().code,
              Errc::invalid_argument);
}

TEST(Proof, any_flipped_bit_is_refused) {
    const NoteSigner signer = test_signer();
    SmallLog log{5};
    const std::string text = to_text(log.proof_of(2, signer));
    ASSERT_TRUE(verify_proof_text(text, signer.verifier()));
    for (std::size_t i = 0; i < text.size() * 8; ++i) {
        std::string changed = text;
        changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << i % 8);
        EXPECT_FALSE(verify_proof_text(changed, signer.verifier())) << "bit " << i;
    }
}

TEST(Proof, does_not_prove_another_entry_index_or_log) {
    const NoteSigner signer = test_signer();
    SmallLog log{6};
    const LogProof proof = log.proof_of(4, signer);
    const auto code_of = [&](const LogProof& one, std::string_view entry) {
        return verify_proof(one, as_bytes(entry), signer.verifier()).error().code;
    };
    EXPECT_EQ(code_of(proof, "entry 5"), Errc::bad_signature);
    LogProof changed = proof;
    changed.index = 6;
    EXPECT_EQ(code_of(changed, "entry 4"), Errc::bad_signature);
    changed = proof;
    changed.hashes.push_back(changed.hashes.front());
    EXPECT_EQ(code_of(changed, "entry 4"), Errc::bad_signature);
    EXPECT_FALSE(verify_proof(proof, as_bytes("entry 4"), test_signer("other", 7).verifier()));
}

TEST(Proof, texts_of_another_form_are_refused) {
    const std::string hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    const std::string head = "c2sp.org/tlog-proof@v1\n";
    std::string long_one = head + "index 0\n";
    for (std::size_t i = 0; i <= proof_hashes_max; ++i) long_one += hash;
    const std::vector<std::string> cases = {"",
                                            head,
                                            "c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n",
                                            head + "index 0\n",
                                            head + "index 0\n" + hash,
                                            head + "index 0\n\n",
                                            head + "index 00\n\nnote\n",
                                            head + "index\n\nnote\n",
                                            head + "index -1\n\nnote\n",
                                            head + "index x\n\nnote\n",
                                            head + "extra %\nindex 0\n\nnote\n",
                                            head + "extra AAAA\n\nnote\n",
                                            head + "index 0\nextra AAAA\n\nnote\n",
                                            head + "index 0\nAAAA\n\nnote\n",
                                            head + "index 4611686018427387904\n\nnote\n",
                                            long_one + "\nnote\n"};
    for (const auto& text : cases) EXPECT_FALSE(parse_proof(text)) << text;
    EXPECT_TRUE(parse_proof(head + "extra \nindex 0\n\nnote\n"));
    EXPECT_EQ(parse_proof(std::string(proof_bytes_max + 1, 'x')).error().code, Errc::too_large);
}

}  // namespace
}  // namespace blotter::ledger
