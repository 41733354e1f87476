#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/invariant.hpp"
#include "base/result.hpp"

/// The Merkle tree of RFC 6962 section 2 (the hashing of RFC 9162 section 2 is the same): hashes,
/// the growing right edge, inclusion and consistency proofs. Pure: no I/O, no clock, no locks;
/// every function may be called from any thread on its own values.
namespace blotter::ledger {

/// More leaves than this are refused everywhere: foreign verifiers count in signed 64 bits.
inline constexpr std::uint64_t log_entries_max = std::uint64_t{1} << 62;
/// The most hashes that a proof can need.
inline constexpr std::size_t proof_hashes_max = 63;

/// SHA-256(0x00 ‖ entry).
Digest leaf_hash(ByteView entry);
/// SHA-256(0x01 ‖ left ‖ right).
Digest node_hash(const Digest& left, const Digest& right);
/// The root of the tree without leaves: SHA-256 of nothing.
Digest empty_tree_root();

/// What a checkpoint says of a tree: how many leaves it has and the hash over all of them.
struct TreeHead {
    std::uint64_t size = 0;
    Digest root{};
    bool operator==(const TreeHead&) const = default;
};

/// A complete subtree: the leaves [index << level, (index + 1) << level).
struct NodeId {
    std::uint8_t level = 0;
    std::uint64_t index = 0;
    auto operator<=>(const NodeId&) const = default;
};

/// Gives the hashes of complete subtrees. Implemented over tiles (`TileHashReader`) and by tests.
class HashReader {
  public:
    virtual ~HashReader() = default;
    /// One hash for each id, in the same order. All ids of one proof come in one call, so that an
    /// implementation can fetch a tile once.
    virtual Result<std::vector<Digest>> read_hashes(std::span<const NodeId> ids) = 0;
};

/// The right edge of a growing tree: the complete subtrees of which `size` is made, the largest
/// first (one for each set bit of `size`). A value of 2 KiB without heap memory; an append costs
/// one node hash on average and a root at most 62.
class MerkleFrontier {
  public:
    MerkleFrontier() = default;

    std::uint64_t size() const { return size_; }
    std::span<const Digest> nodes() const { return {nodes_.data(), count()}; }

    void append(const Digest& leaf) {
        append(leaf, [](const NodeId&, const Digest&) {});
    }

    /// Appends and calls `on_node(NodeId, Digest)` for each subtree that this leaf completes, from
    /// the leaf upwards. Tiles are built from these calls, so that no hash is computed twice.
    template <typename OnNode>
    void append(const Digest& leaf, OnNode&& on_node) {
        INVARIANT(size_ < log_entries_max);
        std::size_t top = count();
        Digest hash = leaf;
        NodeId id{.level = 0, .index = size_};
        on_node(id, hash);
        for (std::uint64_t carry = size_; (carry & 1) != 0; carry >>= 1) {
            hash = node_hash(nodes_[--top], hash);
            ++id.level;
            id.index >>= 1;
            on_node(id, hash);
        }
        nodes_[top] = hash;
        ++size_;
    }

    /// The root over all leaves so far.
    Digest root() const;
    TreeHead head() const { return {size_, root()}; }

    /// From stored subtree hashes, the largest first; refuses another number of them than `size`
    /// is made of.
    static Result<MerkleFrontier> from_nodes(std::uint64_t size, std::span<const Digest> nodes);
    /// From stored tiles.
    static Result<MerkleFrontier> load(std::uint64_t size, HashReader& reader);

    bool operator==(const MerkleFrontier& other) const;

  private:
    std::size_t count() const { return static_cast<std::size_t>(std::popcount(size_)); }

    std::uint64_t size_ = 0;
    std::array<Digest, 64> nodes_;  // only the first count() are set
};

/// The complete subtrees that together cover the leaves [0, size), the largest first.
std::vector<NodeId> nodes_of_tree(std::uint64_t size);

/// The root of the tree of the first `size` leaves.
Result<Digest> tree_root(std::uint64_t size, HashReader& reader);

/// The audit path of RFC 6962 section 2.1.1 for leaf `index` in the tree of `size` leaves, from
/// the leaf's sibling upwards. `invalid_argument` when there is no such leaf.
Result<std::vector<Digest>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                            HashReader& reader);

/// The consistency proof of RFC 6962 section 2.1.2 from the tree of `old_size` leaves to that of
/// `size`. Empty when the sizes are equal or `old_size` is 0.
Result<std::vector<Digest>> prove_consistency(std::uint64_t old_size, std::uint64_t size,
                                              HashReader& reader);

/// The root that a proof leads to (RFC 9162 section 2.1.3.2); for callers that compare themselves.
Result<Digest> root_from_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                                   std::span<const Digest> proof);

/// Whether `leaf` is leaf number `index` of the tree; `bad_signature` when it is not proven.
Result<> verify_inclusion(const TreeHead& head, std::uint64_t index, const Digest& leaf,
                          std::span<const Digest> proof);

/// Whether `current` only appended to `old` (RFC 9162 section 2.1.4.2); `bad_signature` otherwise.
Result<> verify_consistency(const TreeHead& old, const TreeHead& current,
                            std::span<const Digest> proof);

}  // namespace blotter::ledger
