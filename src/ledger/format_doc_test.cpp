#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdlib.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ledger/leaf.hpp"
#include "ledger/proof.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

namespace fs = std::filesystem;

std::string read_page() {
    std::ifstream in{fs::path{BLOTTER_SOURCE_DIR} / "docs/formats/ledger.md"};
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

/// The fenced blocks of the page, by the second word behind the fence.
std::map<std::string, std::string> blocks_of(const std::string& page) {
    std::map<std::string, std::string> blocks;
    std::istringstream lines{page};
    std::string name;
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("```")) {
            inside = !inside;
            if (inside) name = line.substr(line.find(' ') + 1);
        } else if (inside) {
            blocks[name] += line + "\n";
        }
    }
    return blocks;
}

/// The worked example, computed by our own code.
struct Example {
    static constexpr std::string_view payload = R"({"envelope_id":"env_demo","amount":"12500.10"})";
    std::vector<Bytes> entries;
    std::vector<Digest> leaves;
    TileBuilder builder;
    std::string key;
    std::string checkpoint;
    std::string proof;

    Example() {
        std::array<std::uint8_t, 32> seed;
        std::array<std::uint8_t, 32> salt;
        for (std::uint8_t i = 0; i < 32; ++i) {
            seed[i] = i;
            salt[i] = static_cast<std::uint8_t>(0x20 + i);
        }
        const auto event = EventId::parse("evt_01KSJ4V5RV0000000000000001").value();
        add(event_leaf(0, parse_rfc3339("2026-05-26T14:32:00.123Z").value(), "t-4f1c",
                       {event, payload_commitment(salt, as_bytes(payload))}));
        add({LeafKind::delivery_final,
             parse_rfc3339("2026-05-26T14:32:01.456Z").value(),
             1,
             "t-4f1c",
             {{"did", "dlv_01KSJ4V72G0000000000000002"},
              {"eid", event.text()},
              {"outcome", "delivered"}}});
        add({LeafKind::user_signed_in,
             parse_rfc3339("2026-05-26T15:00:00Z").value(),
             2,
             "t-4f1c",
             {{"user", "u-19"}}});
        const auto signer = NoteSigner::create("ledger.example/demo", seed).value();
        key = signer.verifier().text() + "\n";
        checkpoint = sign_checkpoint({"ledger.example/demo", builder.head()}, signer).value();
        const LogProof one{entries[1], 1, {leaves[0], leaves[2]}, checkpoint};
        proof = to_text(one);
        EXPECT_EQ(verify_proof_text(proof, signer.verifier()).value(), entries[1]);
    }
    void add(const Leaf& leaf) {
        entries.push_back(to_entry(leaf).value());
        leaves.push_back(leaf_hash(entries.back()));
        builder.append(leaves.back());
    }
    std::string entry(std::size_t n) const { return std::string{as_text(entries[n])} + "\n"; }
    std::string hashes() const {
        return fmt::format("leaf0 {}\nleaf1 {}\nleaf2 {}\nnode01 {}\nroot {}\n", to_hex(leaves[0]),
                           to_hex(leaves[1]), to_hex(leaves[2]),
                           to_hex(node_hash(leaves[0], leaves[1])), to_hex(builder.head().root));
    }
    /// What the page's shell commands must print.
    std::string output() const {
        Bytes bundle;
        for (const Bytes& one : entries) EXPECT_TRUE(append_to_bundle(bundle, one));
        const auto commitment =
            std::get<std::string>(parse_entry(entries[0]).value().members.at("c"));
        return fmt::format("{} *stdin\n{}{}  -\n{}  -\n{}{}{}", commitment, hashes(),
                           to_hex(sha256(ByteView{builder.partial_tiles()[0].bytes})),
                           to_hex(sha256(ByteView{bundle})), key, checkpoint, proof);
    }
};

TEST(FormatPage, shows_the_figures_that_the_code_computes) {
    auto blocks = blocks_of(read_page());
    const Example example;
    EXPECT_EQ(blocks["payload"], std::string{Example::payload} + "\n");
    for (std::size_t n = 0; n < 3; ++n)
        EXPECT_EQ(blocks[fmt::format("entry-{}", n)], example.entry(n));
    EXPECT_EQ(blocks["hashes"], example.hashes());
    EXPECT_EQ(blocks["key"], example.key);
    EXPECT_EQ(blocks["checkpoint"], example.checkpoint);
    EXPECT_EQ(blocks["proof"], example.proof);
    EXPECT_EQ(blocks["output"], example.output());
}

TEST(FormatPage, gives_shell_commands_that_compute_the_same_figures) {
    auto blocks = blocks_of(read_page());
    std::string folder = (fs::temp_directory_path() / "blotter_ledger_XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    std::ofstream{fs::path{folder} / "script"} << blocks["recompute"];
    FILE* pipe = ::popen(("cd '" + folder + "' && sh -e script 2>&1").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string printed;
    std::array<char, 4'096> buffer;
    for (std::size_t size = 0; (size = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        printed.append(buffer.data(), size);
    EXPECT_EQ(::pclose(pipe), 0);
    fs::remove_all(folder);
    EXPECT_EQ(printed, Example{}.output());
}

TEST(FormatPage, lists_every_kind_of_leaf_with_its_members) {
    std::string rows;
    for (const auto& [kind, members] : std::initializer_list<std::pair<std::string, std::string>>{
#define X(name, text, members) {text, members},
#include "ledger/leaf_kinds.def"
#undef X
         }) {
        std::string cell;
        std::istringstream words{members};
        for (std::string word; words >> word;) cell += " `" + word + "`";
        rows += fmt::format("| `{}` |{} |\n", kind, cell);
    }
    EXPECT_NE(read_page().find("| kind | requires |\n|---|---|\n" + rows + "\n"), std::string::npos)
        << rows;
}

}  // namespace
}  // namespace blotter::ledger
