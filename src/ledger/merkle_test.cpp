#include "ledger/merkle.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

Digest digest_of(std::string_view hex) {
    const Bytes bytes = from_hex(hex).value();
    Digest out;
    std::ranges::copy(bytes, out.begin());
    return out;
}

std::vector<Digest> digests_of(std::initializer_list<std::string_view> all) {
    std::vector<Digest> out;
    for (const auto hex : all) out.push_back(digest_of(hex));
    return out;
}

/// The reference tree of the Certificate Transparency implementations.
const std::vector<std::string_view> reference_leaves = {"",
                                                        "00",
                                                        "10",
                                                        "2021",
                                                        "3031",
                                                        "40414243",
                                                        "5051525354555657",
                                                        "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string_view> reference_roots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

/// Straight from the definition in RFC 6962 section 2.1: slow and obviously right.
Digest defined_root(std::span<const Digest> leaves) {
    if (leaves.empty()) return empty_tree_root();
    if (leaves.size() == 1) return leaves[0];
    const std::size_t k = std::bit_floor(leaves.size() - 1);
    return node_hash(defined_root(leaves.first(k)), defined_root(leaves.subspan(k)));
}

/// Answers from leaf hashes kept in memory.
class LeafReader : public HashReader {
  public:
    explicit LeafReader(std::vector<Digest> leaves) : leaves_(std::move(leaves)) {}
    Result<std::vector<Digest>> read_hashes(std::span<const NodeId> ids) override {
        std::vector<Digest> out;
        for (const NodeId& id : ids) {
            const std::size_t width = std::size_t{1} << id.level;
            if ((id.index + 1) * width > leaves_.size()) return fail(Errc::not_found, "no node");
            out.push_back(defined_root(std::span{leaves_}.subspan(id.index * width, width)));
        }
        return out;
    }

  private:
    std::vector<Digest> leaves_;
};

std::vector<Digest> reference_hashes() {
    std::vector<Digest> out;
    for (const auto hex : reference_leaves) out.push_back(leaf_hash(from_hex(hex).value()));
    return out;
}

std::vector<Digest> numbered_hashes(std::size_t count) {
    std::vector<Digest> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(leaf_hash(as_bytes(std::to_string(i))));
    return out;
}

TEST(Merkle, roots_of_the_reference_tree_are_the_published_ones) {
    MerkleFrontier frontier;
    EXPECT_EQ(to_hex(frontier.root()), reference_roots[0]);
    const auto leaves = reference_hashes();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        frontier.append(leaves[i]);
        EXPECT_EQ(to_hex(frontier.root()), reference_roots[i + 1]) << i;
    }
}

TEST(Merkle, inclusion_proofs_of_the_reference_tree_are_the_published_ones) {
    struct Case {
        std::uint64_t index, size;
        std::vector<Digest> proof;
    };
    const std::vector<Case> cases = {
        {0, 1, {}},
        {0, 8,
         digests_of({"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"})},
        {5, 8,
         digests_of({"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                     "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"})},
        {2, 3, digests_of({"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"})},
        {1, 5,
         digests_of({"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"})}};
    const auto leaves = reference_hashes();
    LeafReader reader{leaves};
    for (const auto& [index, size, proof] : cases) {
        EXPECT_EQ(prove_inclusion(index, size, reader).value(), proof) << index << " of " << size;
        const TreeHead head{size, digest_of(reference_roots[size])};
        EXPECT_TRUE(verify_inclusion(head, index, leaves[index], proof)) << index;
    }
}

TEST(Merkle, consistency_proofs_of_the_reference_tree_are_the_published_ones) {
    struct Case {
        std::uint64_t old_size, size;
        std::vector<Digest> proof;
    };
    const std::vector<Case> cases = {
        {1, 1, {}},
        {0, 5, {}},
        {1, 8,
         digests_of({"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"})},
        {6, 8,
         digests_of({"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                     "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"})},
        {2, 5,
         digests_of({"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"})}};
    LeafReader reader{reference_hashes()};
    for (const auto& [old_size, size, proof] : cases) {
        EXPECT_EQ(prove_consistency(old_size, size, reader).value(), proof) << old_size;
        const TreeHead old{old_size, digest_of(reference_roots[old_size])};
        const TreeHead current{size, digest_of(reference_roots[size])};
        EXPECT_TRUE(verify_consistency(old, current, proof)) << old_size << " to " << size;
    }
}

TEST(Merkle, every_proof_of_every_small_tree_verifies_and_every_changed_one_is_refused) {
    constexpr std::size_t size_max = 40;
    const auto leaves = numbered_hashes(size_max);
    LeafReader reader{leaves};
    std::vector<TreeHead> heads;
    for (std::size_t size = 0; size <= size_max; ++size)
        heads.push_back({size, defined_root(std::span{leaves}.first(size))});
    for (std::size_t size = 1; size <= size_max; ++size) {
        for (std::size_t index = 0; index < size; ++index) {
            auto proof = prove_inclusion(index, size, reader).value();
            ASSERT_TRUE(verify_inclusion(heads[size], index, leaves[index], proof));
            EXPECT_FALSE(verify_inclusion(heads[size], index, leaf_hash({}), proof));
            EXPECT_FALSE(verify_inclusion(heads[size], index + 1, leaves[index], proof));
            EXPECT_FALSE(verify_inclusion(heads[size - 1], index, leaves[index], proof));
            for (Digest& hash : proof) {
                hash[31] ^= 1;
                EXPECT_FALSE(verify_inclusion(heads[size], index, leaves[index], proof));
                hash[31] ^= 1;
            }
            auto longer = proof;
            longer.push_back(leaves[0]);
            EXPECT_FALSE(verify_inclusion(heads[size], index, leaves[index], longer));
            if (proof.empty()) continue;
            proof.pop_back();
            EXPECT_FALSE(verify_inclusion(heads[size], index, leaves[index], proof));
        }
        for (std::size_t old = 0; old <= size; ++old) {
            auto proof = prove_consistency(old, size, reader).value();
            ASSERT_TRUE(verify_consistency(heads[old], heads[size], proof)) << old << " " << size;
            TreeHead other = heads[old];
            other.root[0] ^= 1;
            EXPECT_FALSE(verify_consistency(other, heads[size], proof));
            if (old < size) {
                EXPECT_FALSE(verify_consistency(heads[size], heads[old], proof));
            }
            for (Digest& hash : proof) {
                hash[0] ^= 0x80;
                EXPECT_FALSE(verify_consistency(heads[old], heads[size], proof));
                hash[0] ^= 0x80;
            }
            auto longer = proof;
            longer.push_back(leaves[0]);
            EXPECT_FALSE(verify_consistency(heads[old], heads[size], longer));
            if (proof.empty()) continue;
            proof.pop_back();
            EXPECT_FALSE(verify_consistency(heads[old], heads[size], proof));
        }
    }
}

TEST(Merkle, requests_outside_the_tree_are_refused_in_words) {
    LeafReader reader{reference_hashes()};
    EXPECT_EQ(prove_inclusion(8, 8, reader).error().code, Errc::invalid_argument);
    EXPECT_EQ(prove_inclusion(0, 0, reader).error().code, Errc::invalid_argument);
    EXPECT_EQ(prove_consistency(9, 8, reader).error().code, Errc::invalid_argument);
    EXPECT_EQ(prove_inclusion(0, ~std::uint64_t{0}, reader).error().code, Errc::invalid_argument);
    EXPECT_FALSE(root_from_inclusion({}, 0, ~std::uint64_t{0}, {}));
    // A reader that lacks a node is not covered up.
    EXPECT_EQ(prove_inclusion(0, 9, reader).error().code, Errc::not_found);
}

TEST(Merkle, the_frontier_goes_on_from_its_stored_nodes) {
    const auto leaves = numbered_hashes(100);
    MerkleFrontier whole;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        EXPECT_EQ(whole.root(), defined_root(std::span{leaves}.first(i)));
        auto again = MerkleFrontier::from_nodes(whole.size(), whole.nodes()).value();
        EXPECT_EQ(again, whole);
        LeafReader reader{leaves};
        EXPECT_EQ(MerkleFrontier::load(i, reader).value(), whole);
        EXPECT_EQ(tree_root(i, reader).value(), whole.root());
        whole.append(leaves[i]);
    }
    EXPECT_FALSE(MerkleFrontier::from_nodes(3, std::vector<Digest>(1)));
    EXPECT_FALSE(MerkleFrontier::from_nodes(~std::uint64_t{0}, std::vector<Digest>(64)));
}

TEST(Merkle, long_and_short_entries_hash_alike_around_the_stack_buffer) {
    for (const std::size_t size : {0U, 1U, 1'022U, 1'023U, 1'024U, 65'535U}) {
        const Bytes entry(size, 7);
        Bytes prefixed{0x00};
        prefixed.insert(prefixed.end(), entry.begin(), entry.end());
        EXPECT_EQ(leaf_hash(entry), sha256(ByteView{prefixed})) << size;
    }
}

}  // namespace
}  // namespace blotter::ledger
