#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ledger/merkle.hpp"

/// Tiles: how a log is kept and handed out (c2sp.org/tlog-tiles). A tile holds up to 256
/// consecutive hashes of one level (level L holds hashes of 256^L leaves each); a bundle holds up
/// to 256 entries. Pure: no I/O.
namespace blotter::ledger {

inline constexpr unsigned tile_height = 8;
inline constexpr std::uint16_t tile_width_max = 256;
inline constexpr std::size_t tile_bytes_max = tile_width_max * sizeof(Digest);
/// A bundle prefixes each entry with two bytes of length.
inline constexpr std::size_t entry_bytes_max = 65'535;
inline constexpr std::size_t bundle_bytes_max = tile_width_max * (entry_bytes_max + 2);
/// log_entries_max needs levels 0 to 7.
inline constexpr std::uint8_t tile_levels_max = 8;

enum class TileKind : std::uint8_t { hashes, entries };

/// Names one tile or bundle. A width of 256 is a full tile; a smaller one belongs to exactly the
/// tree sizes that end inside it. Bundles have level 0.
struct TileId {
    TileKind kind = TileKind::hashes;
    std::uint8_t level = 0;
    std::uint64_t index = 0;
    std::uint16_t width = tile_width_max;

    bool is_full() const { return width == tile_width_max; }
    auto operator<=>(const TileId&) const = default;
};

/// "tile/0/x001/x234/067", "tile/0/000.p/7", "tile/entries/000".
std::string tile_path(const TileId& id);
/// Accepts exactly what `tile_path` writes.
Result<TileId> parse_tile_path(std::string_view path);

/// How many tiles of a level a tree has, the partial one included. 0 above the top.
std::uint64_t tile_count(std::uint8_t level, std::uint64_t tree_size);
/// The tile as it stands in a tree of that size; none when the tree does not reach it.
std::optional<TileId> tile_at(std::uint8_t level, std::uint64_t index, std::uint64_t tree_size);
/// The same place as a bundle of entries.
TileId bundle_for(const TileId& level_0_tile);

/// The hash over a full tile: what stands for it in the level above. Also takes any width that is
/// a power of two.
Digest tile_root(ByteView tile);
/// Hash number `position` of a tile.
Digest hash_in_tile(ByteView tile, std::size_t position);

/// Appends one entry with its length; `too_large` past 65,535 bytes.
Result<> append_to_bundle(Bytes& bundle, ByteView entry);
/// The entries of a bundle, as views into it; `corrupt` unless there are exactly `width` and
/// nothing behind them. `found` gets those that could be read, also on failure.
Result<> split_bundle(ByteView bundle, std::uint16_t width, std::vector<ByteView>& found);

/// Gives stored tiles, by the id they have in some tree size (so partial ones too).
class TileReader {
  public:
    virtual ~TileReader() = default;
    virtual Result<Bytes> read_tile(const TileId& id) = 0;
};

/// Subtree hashes out of the tiles of a tree of `tree_size` leaves. It believes the tiles: verify
/// what you build with it, or use it on your own store. Keeps the tiles of the latest call, so
/// use one for one proof or one batch. Not thread-safe.
class TileHashReader : public HashReader {
  public:
    TileHashReader(TileReader& tiles, std::uint64_t tree_size)
        : tiles_(tiles), tree_size_(tree_size) {}
    Result<std::vector<Digest>> read_hashes(std::span<const NodeId> ids) override;

  private:
    Result<const Bytes*> tile_of(const TileId& id);

    TileReader& tiles_;
    std::uint64_t tree_size_;
    std::vector<std::pair<TileId, Bytes>> kept_;
};

/// A tile with its bytes.
struct Tile {
    TileId id;
    Bytes bytes;
    bool operator==(const Tile&) const = default;
};

/// Turns leaf hashes into tiles and roots: append, then store `take_completed()` (each full tile
/// once) in the same transaction, and `partial_tiles()` for each size that gets signed. A value:
/// a copy taken before a transaction brings the state back when it fails (one partial tile, at
/// most 8 KiB, for each level). Owned by one thread.
class TileBuilder {
  public:
    TileBuilder() = default;
    /// Goes on from the stored partial tiles of a tree of that size.
    static Result<TileBuilder> resume(std::uint64_t size, TileReader& tiles);

    void append(const Digest& leaf);

    std::uint64_t size() const { return frontier_.size(); }
    TreeHead head() const { return frontier_.head(); }
    const MerkleFrontier& frontier() const { return frontier_; }

    /// The tiles that became full since the last call.
    std::vector<Tile> take_completed();
    /// The rightmost tiles that are not full, from level 0 upwards; without empty ones.
    std::vector<Tile> partial_tiles() const;

  private:
    MerkleFrontier frontier_;
    std::vector<Bytes> open_;  // by level: the hashes of the tile that is not full yet
    std::vector<Tile> completed_;
};

}  // namespace blotter::ledger
