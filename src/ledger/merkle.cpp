#include "ledger/merkle.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

/// The leaves [begin, end).
struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// The largest power of two below `n`, for n > 1: where RFC 6962 splits a tree.
std::uint64_t split_of(std::uint64_t n) {
    return std::bit_floor(n - 1);
}

/// Appends the complete subtrees that cover a range whose start is aligned to its own size, the
/// largest first. Every range of a proof is of this shape.
void append_nodes(std::vector<NodeId>& out, Range range) {
    while (range.begin < range.end) {
        const std::uint64_t width = std::bit_floor(range.end - range.begin);
        const auto level = static_cast<std::uint8_t>(std::countr_zero(width));
        out.push_back({level, range.begin >> level});
        range.begin += width;
    }
}

/// The hash over consecutive subtrees, the largest first.
Digest fold(std::span<const Digest> nodes) {
    Digest hash = nodes.back();
    for (std::size_t i = nodes.size() - 1; i-- > 0;) hash = node_hash(nodes[i], hash);
    return hash;
}

Result<std::vector<Digest>> hash_ranges(std::span<const Range> ranges, HashReader& reader) {
    std::vector<NodeId> ids;
    std::vector<std::size_t> counts;
    counts.reserve(ranges.size());
    for (const Range& range : ranges) {
        const std::size_t before = ids.size();
        append_nodes(ids, range);
        counts.push_back(ids.size() - before);
    }
    TRY(const auto hashes, reader.read_hashes(ids));
    INVARIANT(hashes.size() == ids.size());
    std::vector<Digest> out;
    out.reserve(ranges.size());
    std::span<const Digest> rest{hashes};
    for (const std::size_t count : counts) {
        out.push_back(fold(rest.first(count)));
        rest = rest.subspan(count);
    }
    return out;
}

Result<> check_size(std::uint64_t size) {
    if (size <= log_entries_max) return {};
    return fail(Errc::invalid_argument,
                fmt::format("a log has at most 2^62 entries, and this size is {}", size));
}

std::unexpected<Error> not_proven(std::string detail) {
    return fail(Errc::bad_signature, std::move(detail));
}

}  // namespace

Digest leaf_hash(ByteView entry) {
    // Entries are a few hundred bytes: one hash call over a stack copy beats three over parts.
    constexpr std::size_t small_bytes_max = 1'023;
    if (entry.size() <= small_bytes_max) {
        std::array<std::uint8_t, small_bytes_max + 1> buffer;
        buffer[0] = 0x00;
        std::copy(entry.begin(), entry.end(), buffer.begin() + 1);
        return sha256(ByteView{buffer.data(), entry.size() + 1});
    }
    static constexpr std::uint8_t prefix = 0x00;
    Sha256 hash;
    hash.update({&prefix, 1});
    hash.update(entry);
    return hash.finish();
}

Digest node_hash(const Digest& left, const Digest& right) {
    std::array<std::uint8_t, 65> buffer;
    buffer[0] = 0x01;
    std::memcpy(buffer.data() + 1, left.data(), left.size());
    std::memcpy(buffer.data() + 33, right.data(), right.size());
    return sha256(ByteView{buffer});
}

Digest empty_tree_root() {
    return sha256(ByteView{});
}

Digest MerkleFrontier::root() const {
    return size_ == 0 ? empty_tree_root() : fold(nodes());
}

Result<MerkleFrontier> MerkleFrontier::from_nodes(std::uint64_t size,
                                                  std::span<const Digest> nodes) {
    CHECK(check_size(size));
    MerkleFrontier out;
    out.size_ = size;
    if (nodes.size() != out.count())
        return fail(Errc::corrupt,
                    fmt::format("a tree of {} leaves is made of {} subtrees, not of {}", size,
                                out.count(), nodes.size()));
    std::ranges::copy(nodes, out.nodes_.begin());
    return out;
}

Result<MerkleFrontier> MerkleFrontier::load(std::uint64_t size, HashReader& reader) {
    CHECK(check_size(size));
    const auto ids = nodes_of_tree(size);
    TRY(const auto hashes, reader.read_hashes(ids));
    return from_nodes(size, hashes);
}

bool MerkleFrontier::operator==(const MerkleFrontier& other) const {
    return size_ == other.size_ && std::ranges::equal(nodes(), other.nodes());
}

std::vector<NodeId> nodes_of_tree(std::uint64_t size) {
    std::vector<NodeId> ids;
    append_nodes(ids, {0, size});
    return ids;
}

Result<Digest> tree_root(std::uint64_t size, HashReader& reader) {
    TRY(const auto frontier, MerkleFrontier::load(size, reader));
    return frontier.root();
}

Result<std::vector<Digest>> prove_inclusion(std::uint64_t index, std::uint64_t size,
                                            HashReader& reader) {
    CHECK(check_size(size));
    if (index >= size)
        return fail(Errc::invalid_argument,
                    fmt::format("there is no entry {} in a tree of {} entries", index, size));
    std::vector<Range> siblings;
    Range at{0, size};
    while (at.end - at.begin > 1) {
        const std::uint64_t middle = at.begin + split_of(at.end - at.begin);
        if (index < middle) {
            siblings.push_back({middle, at.end});
            at.end = middle;
        } else {
            siblings.push_back({at.begin, middle});
            at.begin = middle;
        }
    }
    std::ranges::reverse(siblings);
    return hash_ranges(siblings, reader);
}

Result<std::vector<Digest>> prove_consistency(std::uint64_t old_size, std::uint64_t size,
                                              HashReader& reader) {
    CHECK(check_size(size));
    if (old_size > size)
        return fail(
            Errc::invalid_argument,
            fmt::format("a tree of {} entries did not grow out of one of {}", size, old_size));
    if (old_size == 0 || old_size == size) return std::vector<Digest>{};
    std::vector<Range> parts;
    Range at{0, size};
    while (at.end != old_size) {
        const std::uint64_t middle = at.begin + split_of(at.end - at.begin);
        if (old_size <= middle) {
            parts.push_back({middle, at.end});
            at.end = middle;
        } else {
            parts.push_back({at.begin, middle});
            at.begin = middle;
        }
    }
    // The verifier knows the old root already when the whole old tree is one complete subtree.
    if (at.begin != 0) parts.push_back(at);
    std::ranges::reverse(parts);
    return hash_ranges(parts, reader);
}

Result<Digest> root_from_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                                   std::span<const Digest> proof) {
    CHECK(check_size(size));
    if (index >= size)
        return not_proven(fmt::format("there is no entry {} in a tree of {} entries", index, size));
    std::uint64_t node = index;
    std::uint64_t last = size - 1;
    Digest hash = leaf;
    for (const Digest& sibling : proof) {
        if (last == 0)
            return not_proven("the inclusion proof has more hashes than the tree levels");
        if ((node & 1) != 0 || node == last) {
            hash = node_hash(sibling, hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return not_proven("the inclusion proof has fewer hashes than the tree needs");
    return hash;
}

Result<> verify_inclusion(const TreeHead& head, std::uint64_t index, const Digest& leaf,
                          std::span<const Digest> proof) {
    TRY(const Digest root, root_from_inclusion(leaf, index, head.size, proof));
    if (root == head.root) return {};
    return not_proven(
        fmt::format("entry {} is not proven to be in the tree of {} entries", index, head.size));
}

Result<> verify_consistency(const TreeHead& old, const TreeHead& current,
                            std::span<const Digest> proof) {
    CHECK(check_size(current.size));
    if (old.size > current.size)
        return not_proven(fmt::format("the newer tree has {} entries and the older one {}",
                                      current.size, old.size));
    if (old.size == 0 || old.size == current.size) {
        if (!proof.empty()) return not_proven("the consistency proof should be empty");
        if (old.root != (old.size == 0 ? empty_tree_root() : current.root))
            return not_proven(
                fmt::format("two trees of {} entries have different roots", old.size));
        return {};
    }
    const bool old_is_complete = std::has_single_bit(old.size);
    if (proof.empty()) return not_proven("the consistency proof is empty");
    std::uint64_t node = old.size - 1;
    std::uint64_t last = current.size - 1;
    const int complete_levels = std::countr_one(node);
    node >>= complete_levels;
    last >>= complete_levels;
    Digest old_hash = old_is_complete ? old.root : proof.front();
    Digest hash = old_hash;
    for (const Digest& part : proof.subspan(old_is_complete ? 0 : 1)) {
        if (last == 0) return not_proven("the consistency proof has too many hashes");
        if ((node & 1) != 0 || node == last) {
            old_hash = node_hash(part, old_hash);
            hash = node_hash(part, hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, part);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return not_proven("the consistency proof has too few hashes");
    if (old_hash != old.root || hash != current.root)
        return not_proven(
            fmt::format("the tree of {} entries is not proven to have grown out of that of {}: "
                        "history was rewritten or a root is false",
                        current.size, old.size));
    return {};
}

}  // namespace blotter::ledger
