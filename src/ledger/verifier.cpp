#include "ledger/verifier.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ledger/exporter.hpp"
#include "ledger/leaf.hpp"
#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

/// The tiles as they stand in the export, believed by nobody yet.
class ExportTiles : public TileReader {
  public:
    explicit ExportTiles(FileSource& files) : files_(files) {}
    Result<Bytes> read_tile(const TileId& id) override {
        TRY(Bytes bytes, files_.read(tile_path(id), tile_bytes_max));
        if (bytes.size() != id.width * sizeof(Digest))
            return fail(Errc::corrupt, fmt::format("the tile has {} bytes instead of {}",
                                                   bytes.size(), id.width * sizeof(Digest)));
        return bytes;
    }

  private:
    FileSource& files_;
};

/// An entry whose hash is not the one in its tile: one of the two is wrong.
struct Suspect {
    std::uint64_t entry = 0;
    Digest computed{};
    Digest stored{};
};

/// A tile above level 0 that differs from the computed one.
struct WrongTile {
    TileId id;
    std::size_t position = 0;
};

class ExportVerifier {
  public:
    ExportVerifier(FileSource& files, const VerifyOptions& options)
        : files_(files), options_(options), tiles_(files) {}

    VerifyReport run() {
        if (!open_checkpoint_file()) return std::move(report_);
        check_listing();
        for (std::uint64_t i = 0; i < tile_count(0, head_.size); ++i) {
            check_bundle(*tile_at(0, i, head_.size));
            compare_tiles(builder_.take_completed());
        }
        compare_tiles(builder_.partial_tiles());
        conclude();
        return std::move(report_);
    }

  private:
    void found(std::string file, std::optional<std::uint64_t> entry, std::string words) {
        if (report_.findings.size() < options_.findings_max)
            report_.findings.push_back({std::move(file), entry, std::move(words)});
        else
            ++report_.findings_left_off;
    }
    void found(std::string_view file, const Error& error) {
        found(std::string{file}, std::nullopt,
              error.code == Errc::not_found ? "the file is missing" : error.detail);
    }

    Result<NoteVerifier> read_key() {
        TRY(const Bytes bytes, files_.read(std::string{export_key_file}, 1'024));
        std::string_view text = as_text(bytes);
        if (!text.ends_with('\n')) return fail(Errc::malformed, "the key has no newline behind it");
        text.remove_suffix(1);
        TRY(NoteVerifier key, NoteVerifier::parse(text));
        if (options_.trusted_key && *options_.trusted_key != key)
            return fail(Errc::bad_signature, fmt::format("the key is {}, but {} is trusted",
                                                         key.text(), options_.trusted_key->text()));
        return key;
    }

    bool open_checkpoint_file() {
        const auto key = read_key();
        if (!key) return found(export_key_file, key.error()), false;
        const auto note = files_.read(std::string{export_checkpoint_file}, note_bytes_max);
        if (!note) return found(export_checkpoint_file, note.error()), false;
        auto opened = open_checkpoint(as_text(*note), *key);
        if (!opened) return found(export_checkpoint_file, opened.error()), false;
        head_ = opened->checkpoint.head;
        report_.other_signatures = opened->others.size();
        report_.checkpoint = std::move(opened->checkpoint);
        known_heads_ = options_.known_heads;
        std::ranges::sort(known_heads_, {}, &TreeHead::size);
        check_known_heads();
        return true;
    }

    bool belongs(std::string_view path) const {
        if (path == export_checkpoint_file || path == export_key_file || path == export_readme_file)
            return true;
        const auto id = parse_tile_path(path);
        if (!id) return false;
        auto expected = tile_at(id->level, id->index, head_.size);
        if (expected && id->kind == TileKind::entries) expected = bundle_for(*expected);
        return expected == *id;
    }

    void check_listing() {
        const auto paths = files_.list();
        if (!paths) return found(".", paths.error());
        for (const std::string& path : *paths)
            if (!belongs(path))
                found(path, std::nullopt,
                      "the file does not belong to this export; nothing vouches for its content");
    }

    /// Hashes one bundle's entries into the tree and compares them with their tile.
    void check_bundle(const TileId& tile_id) {
        const auto tile = tiles_.read_tile(tile_id);
        if (!tile) found(tile_path(tile_id), tile.error());
        ++report_.tiles_compared;

        const std::uint64_t first = tile_id.index * tile_width_max;
        const std::string path = tile_path(bundle_for(tile_id));
        std::vector<ByteView> entries;
        const auto bundle = files_.read(path, bundle_bytes_max);
        if (!bundle) {
            found(path, bundle.error());
        } else if (const auto split = split_bundle(*bundle, tile_id.width, entries); !split) {
            found(path, first + std::min<std::size_t>(entries.size(), tile_id.width - 1U),
                  split.error().detail);
        }
        report_.entries_read += entries.size();
        for (std::size_t i = 0; i < tile_id.width; ++i) {
            // In place of an entry that cannot be read its stored hash goes in, so that the rest
            // can still be judged.
            Digest leaf = tile ? hash_in_tile(*tile, i) : Digest{};
            if (i < entries.size()) {
                const Digest computed = leaf_hash(entries[i]);
                if (tile && computed != leaf)
                    suspect({first + i, computed, leaf});
                else
                    check_form(path, first + i, entries[i]);
                leaf = computed;
            }
            builder_.append(leaf);
            check_known_heads();
        }
    }

    void suspect(Suspect one) {
        if (suspects_.size() < options_.findings_max)
            suspects_.push_back(one);
        else
            ++report_.findings_left_off;
    }

    /// The entry is the one that was logged; whether it should have been is checked here.
    void check_form(const std::string& path, std::uint64_t index, ByteView entry) {
        const auto leaf = parse_entry(entry);
        if (!leaf) return found(path, index, leaf.error().detail);
        if (leaf->number != index)
            found(path, index, fmt::format("the entry calls itself number {}", leaf->number));
    }

    /// Level 0 has been compared hash by hash already.
    void compare_tiles(const std::vector<Tile>& computed) {
        for (const Tile& tile : computed) {
            if (tile.id.level == 0) continue;
            ++report_.tiles_compared;
            const auto stored = tiles_.read_tile(tile.id);
            if (!stored) {
                found(tile_path(tile.id), stored.error());
            } else if (*stored != tile.bytes) {
                const auto differs = std::ranges::mismatch(*stored, tile.bytes).in1;
                wrong_tiles_.push_back(
                    {tile.id,
                     static_cast<std::size_t>(differs - stored->begin()) / sizeof(Digest)});
            }
        }
    }

    void check_known_heads() {
        while (!known_heads_.empty() && known_heads_.front().size == builder_.size()) {
            const TreeHead known = known_heads_.front();
            known_heads_.erase(known_heads_.begin());
            if (const Digest root = builder_.head().root; root != known.root)
                found(std::string{export_checkpoint_file}, std::nullopt,
                      fmt::format("the first {} entries once had the signed root {} and now have "
                                  "{}: history was rewritten",
                                  known.size, to_hex(known.root), to_hex(root)));
        }
    }

    void conclude() {
        for (const TreeHead& known : known_heads_)
            found(std::string{export_checkpoint_file}, std::nullopt,
                  fmt::format("the log had {} entries once and has {} now: entries at its end are "
                              "missing, or the export is an old one",
                              known.size, head_.size));
        const bool entries_are_right = builder_.head() == head_;
        for (const Suspect& one : suspects_) {
            if (entries_are_right)
                tile_is_wrong(one);
            else
                judge_suspect(one);
        }
        // With wrong entries the tiles above them differ because of those.
        const bool nothing_else = report_.findings.empty();
        for (const WrongTile& tile : wrong_tiles_)
            if (entries_are_right || nothing_else)
                found(tile_path(tile.id), std::nullopt,
                      fmt::format("hash {} of the tile is not the one that the entries lead to",
                                  tile.position));
        if (!entries_are_right && report_.findings.empty())
            found(std::string{export_checkpoint_file}, std::nullopt,
                  fmt::format("the entries lead to the root {}, but {} was signed",
                              to_hex(builder_.head().root), to_hex(head_.root)));
    }

    /// Asks the signed root which of the two it vouches for.
    void judge_suspect(const Suspect& one) {
        TileHashReader reader{tiles_, head_.size};
        const auto proof = prove_inclusion(one.entry, head_.size, reader);
        if (proof && verify_inclusion(head_, one.entry, one.computed, *proof))
            return tile_is_wrong(one);
        const TileId tile = *tile_at(0, one.entry / tile_width_max, head_.size);
        const bool proven = proof && verify_inclusion(head_, one.entry, one.stored, *proof);
        found(tile_path(bundle_for(tile)), one.entry,
              fmt::format("its bytes hash to {}, but {}: the entry was changed, moved or removed",
                          to_hex(one.computed),
                          proven ? "the log signed " + to_hex(one.stored)
                                 : fmt::format("{} has {}, and the signed root vouches for neither",
                                               tile_path(tile), to_hex(one.stored))));
    }

    void tile_is_wrong(const Suspect& one) {
        found(tile_path(*tile_at(0, one.entry / tile_width_max, head_.size)), one.entry,
              fmt::format("hash {} of the tile was changed; the entry itself is right",
                          one.entry % tile_width_max));
    }

    FileSource& files_;
    const VerifyOptions& options_;
    ExportTiles tiles_;
    VerifyReport report_;
    TreeHead head_;
    TileBuilder builder_;
    std::vector<TreeHead> known_heads_;  // by size, those not reached yet
    std::vector<Suspect> suspects_;
    std::vector<WrongTile> wrong_tiles_;
};

}  // namespace

std::string describe(const Finding& finding) {
    if (!finding.entry) return fmt::format("{}: {}", finding.file, finding.words);
    return fmt::format("{}, entry {}: {}", finding.file, *finding.entry, finding.words);
}

VerifyReport verify_export(FileSource& files, const VerifyOptions& options) {
    return ExportVerifier{files, options}.run();
}

}  // namespace blotter::ledger
