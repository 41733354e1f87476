#include "ledger/tiles.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace blotter::ledger {
namespace {

std::unexpected<Error> wrong_path(std::string_view path) {
    return fail(Errc::malformed,
                fmt::format("'{}' is no tile path of the form tile/<level>/<number>[.p/<width>]",
                            path.substr(0, 80)));
}

/// A decimal number without leading zeroes.
template <typename Number>
std::optional<Number> parse_decimal(std::string_view text) {
    Number out{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, out);
    if (error != std::errc{} || stop != end) return std::nullopt;
    if (text.size() > 1 && text[0] == '0') return std::nullopt;
    return out;
}

/// "x001/x234/067". Strictness is left to the comparison with what we would write.
std::optional<std::uint64_t> parse_index(std::string_view text) {
    std::uint64_t index = 0;
    while (true) {
        const bool last = !text.starts_with('x');
        if (!last) text.remove_prefix(1);
        if (text.size() < 3) return std::nullopt;
        for (const char digit : text.substr(0, 3)) {
            if (digit < '0' || digit > '9') return std::nullopt;
            if (index > log_entries_max / 10) return std::nullopt;
            index = index * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        text.remove_prefix(3);
        if (last) return text.empty() ? std::optional{index} : std::nullopt;
        if (!text.starts_with('/')) return std::nullopt;
        text.remove_prefix(1);
    }
}

std::uint64_t hashes_at_level(std::uint8_t level, std::uint64_t tree_size) {
    const unsigned shift = level * tile_height;
    return shift >= 64 ? 0 : tree_size >> shift;
}

}  // namespace

std::string tile_path(const TileId& id) {
    std::string number = fmt::format("{:03}", id.index % 1'000);
    for (std::uint64_t rest = id.index / 1'000; rest > 0; rest /= 1'000)
        number = fmt::format("x{:03}/{}", rest % 1'000, number);
    std::string path = id.kind == TileKind::entries ? "tile/entries/" + number
                                                    : fmt::format("tile/{}/{}", id.level, number);
    if (!id.is_full()) path += fmt::format(".p/{}", id.width);
    return path;
}

Result<TileId> parse_tile_path(std::string_view path) {
    std::string_view rest = path;
    if (path.size() > 80 || !rest.starts_with("tile/")) return wrong_path(path);
    rest.remove_prefix(5);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return wrong_path(path);
    TileId id;
    if (const auto level = rest.substr(0, slash); level == "entries") {
        id.kind = TileKind::entries;
    } else {
        const auto number = parse_decimal<std::uint8_t>(level);
        if (!number || *number > 63) return wrong_path(path);
        id.level = *number;
    }
    rest.remove_prefix(slash + 1);
    if (const std::size_t partial = rest.find(".p/"); partial != std::string_view::npos) {
        const auto width = parse_decimal<std::uint16_t>(rest.substr(partial + 3));
        if (!width || *width == 0 || *width >= tile_width_max) return wrong_path(path);
        id.width = *width;
        rest = rest.substr(0, partial);
    }
    const auto index = parse_index(rest);
    if (!index) return wrong_path(path);
    id.index = *index;
    if (tile_path(id) != path) return wrong_path(path);
    return id;
}

std::uint64_t tile_count(std::uint8_t level, std::uint64_t tree_size) {
    const std::uint64_t hashes = hashes_at_level(level, tree_size);
    return hashes / tile_width_max + (hashes % tile_width_max != 0 ? 1 : 0);
}

std::optional<TileId> tile_at(std::uint8_t level, std::uint64_t index, std::uint64_t tree_size) {
    const std::uint64_t hashes = hashes_at_level(level, tree_size);
    if (index >= tile_count(level, tree_size)) return std::nullopt;
    const std::uint64_t left = hashes - index * tile_width_max;
    const auto width = static_cast<std::uint16_t>(std::min<std::uint64_t>(left, tile_width_max));
    return TileId{TileKind::hashes, level, index, width};
}

TileId bundle_for(const TileId& level_0_tile) {
    INVARIANT(level_0_tile.level == 0);
    TileId id = level_0_tile;
    id.kind = TileKind::entries;
    return id;
}

Digest hash_in_tile(ByteView tile, std::size_t position) {
    INVARIANT((position + 1) * sizeof(Digest) <= tile.size());
    Digest out;
    std::ranges::copy(tile.subspan(position * sizeof(Digest), sizeof(Digest)), out.begin());
    return out;
}

Digest tile_root(ByteView tile) {
    const std::size_t width = tile.size() / sizeof(Digest);
    INVARIANT(width > 0 && std::has_single_bit(width) && tile.size() % sizeof(Digest) == 0);
    MerkleFrontier frontier;
    for (std::size_t i = 0; i < width; ++i) frontier.append(hash_in_tile(tile, i));
    return frontier.root();
}

Result<> append_to_bundle(Bytes& bundle, ByteView entry) {
    if (entry.size() > entry_bytes_max)
        return fail(Errc::too_large,
                    fmt::format("a log entry has {} bytes, at most {} are possible", entry.size(),
                                entry_bytes_max));
    bundle.push_back(static_cast<std::uint8_t>(entry.size() >> 8));
    bundle.push_back(static_cast<std::uint8_t>(entry.size() & 0xff));
    bundle.insert(bundle.end(), entry.begin(), entry.end());
    return {};
}

Result<> split_bundle(ByteView bundle, std::uint16_t width, std::vector<ByteView>& found) {
    found.clear();
    found.reserve(width);
    std::size_t at = 0;
    while (found.size() < width) {
        if (bundle.size() - at < 2)
            return fail(Errc::corrupt, fmt::format("the bundle ends after {} entries instead of {}",
                                                   found.size(), width));
        const std::size_t length = static_cast<std::size_t>(bundle[at]) << 8 | bundle[at + 1];
        if (bundle.size() - at - 2 < length)
            return fail(
                Errc::corrupt,
                fmt::format("the length at byte {} of the bundle reaches past its end", at));
        found.push_back(bundle.subspan(at + 2, length));
        at += 2 + length;
    }
    if (at != bundle.size())
        return fail(Errc::corrupt, fmt::format("{} bytes follow the {} entries of the bundle",
                                               bundle.size() - at, width));
    return {};
}

Result<const Bytes*> TileHashReader::tile_of(const TileId& id) {
    // Neighbouring nodes of a proof lie in the same tile, so the search starts at the latest.
    for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept)
        if (kept->first == id) return &kept->second;
    TRY(Bytes bytes, tiles_.read_tile(id));
    if (bytes.size() != id.width * sizeof(Digest))
        return fail(Errc::corrupt, fmt::format("{} has {} bytes instead of {}", tile_path(id),
                                               bytes.size(), id.width * sizeof(Digest)));
    kept_.emplace_back(id, std::move(bytes));
    return &kept_.back().second;
}

Result<std::vector<Digest>> TileHashReader::read_hashes(std::span<const NodeId> ids) {
    kept_.clear();
    std::vector<Digest> out;
    out.reserve(ids.size());
    for (const NodeId& node : ids) {
        const auto tile_level = static_cast<std::uint8_t>(node.level / tile_height);
        const unsigned inner = node.level % tile_height;
        const std::uint64_t first = node.index << inner;
        const std::uint64_t hashes = std::uint64_t{1} << inner;
        const auto id = tile_at(tile_level, first / tile_width_max, tree_size_);
        const std::size_t position = first % tile_width_max;
        if (!id || position + hashes > id->width)
            return fail(Errc::invalid_argument,
                        fmt::format("the subtree {} of level {} is not complete in a tree of {}",
                                    node.index, node.level, tree_size_));
        TRY(const Bytes* tile, tile_of(*id));
        const ByteView part =
            ByteView{*tile}.subspan(position * sizeof(Digest), hashes * sizeof(Digest));
        out.push_back(inner == 0 ? hash_in_tile(part, 0) : tile_root(part));
    }
    return out;
}

Result<TileBuilder> TileBuilder::resume(std::uint64_t size, TileReader& tiles) {
    TileBuilder out;
    TileHashReader reader{tiles, size};
    TRY(out.frontier_, MerkleFrontier::load(size, reader));
    for (std::uint8_t level = 0; tile_count(level, size) > 0; ++level) {
        Bytes& open = out.open_.emplace_back();
        const auto last = tile_at(level, tile_count(level, size) - 1, size);
        if (last->is_full()) continue;
        TRY(open, tiles.read_tile(*last));
        if (open.size() != last->width * sizeof(Digest))
            return fail(Errc::corrupt,
                        fmt::format("{} has {} bytes instead of {}", tile_path(*last), open.size(),
                                    last->width * sizeof(Digest)));
    }
    return out;
}

void TileBuilder::append(const Digest& leaf) {
    frontier_.append(leaf, [this](const NodeId& node, const Digest& hash) {
        if (node.level % tile_height != 0) return;
        const std::size_t level = node.level / tile_height;
        if (open_.size() <= level) open_.resize(level + 1);
        Bytes& open = open_[level];
        if (open.empty()) open.reserve(tile_bytes_max);
        open.insert(open.end(), hash.begin(), hash.end());
        if (open.size() < tile_bytes_max) return;
        completed_.push_back({TileId{.level = static_cast<std::uint8_t>(level),
                                     .index = node.index / tile_width_max},
                              std::exchange(open, {})});
    });
}

std::vector<Tile> TileBuilder::take_completed() {
    return std::exchange(completed_, {});
}

std::vector<Tile> TileBuilder::partial_tiles() const {
    std::vector<Tile> out;
    for (std::size_t level = 0; level < open_.size(); ++level) {
        const Bytes& open = open_[level];
        if (open.empty()) continue;
        const TileId id{.level = static_cast<std::uint8_t>(level),
                        .index = (size() >> (level * tile_height)) / tile_width_max,
                        .width = static_cast<std::uint16_t>(open.size() / sizeof(Digest))};
        out.push_back({id, open});
    }
    return out;
}

}  // namespace blotter::ledger
