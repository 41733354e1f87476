#include "ledger/exporter.hpp"

#include <fmt/format.h>

#include "ledger/tiles.hpp"

namespace blotter::ledger {
namespace {

/// Counts what goes through.
class CountingSink {
  public:
    CountingSink(FileSink& sink, ExportSummary& summary) : sink_(sink), summary_(summary) {}

    Result<> write(const std::string& path, ByteView bytes) {
        CHECK(sink_.write(path, bytes));
        ++summary_.files;
        summary_.bytes += bytes.size();
        return {};
    }
    Result<> write_tiles(const std::vector<Tile>& tiles) {
        for (const Tile& tile : tiles) CHECK(write(tile_path(tile.id), tile.bytes));
        return {};
    }

  private:
    FileSink& sink_;
    ExportSummary& summary_;
};

/// Writes one bundle and appends its leaves.
Result<> export_bundle(LogSource& source, const TileId& id, CountingSink& sink,
                       TileBuilder& builder) {
    TRY(const auto entries, source.entries(id.index * tile_width_max, id.width));
    if (entries.size() != id.width)
        return fail(Errc::corrupt,
                    fmt::format("the store gave {} entries from {} on instead of {}",
                                entries.size(), id.index * tile_width_max, id.width));
    Bytes bundle;
    for (const Bytes& entry : entries) {
        CHECK(append_to_bundle(bundle, entry));
        builder.append(leaf_hash(entry));
    }
    return sink.write(tile_path(id), bundle);
}

}  // namespace

Result<ExportSummary> export_log(LogSource& source, FileSink& file_sink) {
    TRY(const std::string note, source.checkpoint_note());
    const NoteVerifier key = source.public_key();
    TRY(SignedCheckpoint opened, open_checkpoint(note, key));
    ExportSummary summary{.checkpoint = std::move(opened.checkpoint)};
    const TreeHead head = summary.checkpoint.head;
    CountingSink sink{file_sink, summary};

    TileBuilder builder;
    for (std::uint64_t i = 0; i < tile_count(0, head.size); ++i) {
        CHECK(export_bundle(source, bundle_for(*tile_at(0, i, head.size)), sink, builder));
        CHECK(sink.write_tiles(builder.take_completed()));
    }
    CHECK(sink.write_tiles(builder.partial_tiles()));
    if (builder.head() != head)
        return fail(Errc::corrupt,
                    fmt::format("the {} entries of {} lead to the root {}, but {} was signed: "
                                "stored entries were changed",
                                head.size, summary.checkpoint.origin, to_hex(builder.head().root),
                                to_hex(head.root)));
    CHECK(sink.write(std::string{export_key_file}, as_bytes(key.text() + "\n")));
    CHECK(sink.write(std::string{export_readme_file},
                     as_bytes(export_readme(summary.checkpoint, key))));
    CHECK(sink.write(std::string{export_checkpoint_file}, as_bytes(note)));
    return summary;
}

std::string export_readme(const Checkpoint& checkpoint, const NoteVerifier& key) {
    constexpr std::string_view text = R"(EXPORT OF A BLOTTER LEDGER

Log      {origin}
Entries  {size}
Root     {root}  (SHA-256, hexadecimal)
Key      {key}

Take the key from a place other than this folder (the dashboard, an earlier export, a letter)
and compare it with the file "key": whoever could change this folder could change both.

FILES
  checkpoint             what the log signed: its name, size and root
                         (c2sp.org/tlog-checkpoint, c2sp.org/signed-note)
  key                    the public key, as a verifier key of c2sp.org/signed-note
  tile/entries/<number>  the entries, 256 in a file, each after two bytes of length
  tile/<level>/<number>  the hash tree above them, 256 hashes in a file (c2sp.org/tlog-tiles)
Every byte of these files is covered by the signature or by a hash under it. This README is not:
it is for people only.

HOW TO CHECK IT WITH SOFTWARE THAT IS NOT OURS
Any reader of c2sp.org/tlog-tiles can check the whole folder: each entry hashes (RFC 6962, section
2.1) to its place in tile/0, each full tile to its place in the level above, and all together to
the root that the checkpoint signs. In Go, golang.org/x/mod/sumdb/note opens the checkpoint and
golang.org/x/mod/sumdb/tlog computes the hashes.

The signature alone, with a shell and OpenSSL 3:
  sed '/^$/,$d' checkpoint > signed-text
  sed -n '/^$/,$p' checkpoint | grep -F '{origin}' | head -n 1 |
    cut -d ' ' -f 3 | openssl base64 -d -A | tail -c 64 > signature
  {{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'
    cut -d + -f 3- key | openssl base64 -d -A | tail -c 32; }} > key.der
  openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin \
    -in signed-text -sigfile signature

The first entry's hash, which must be the first 32 bytes of tile/0/000 (tile/0/000.p/<width> in a
log of fewer than 256 entries):
  length=$(head -c 2 tile/entries/000 | od -An -tu1 | awk '{{print $1 * 256 + $2}}')
  {{ printf '\000'; tail -c +3 tile/entries/000 | head -c "$length"; }} | sha256sum
)";
    return fmt::format(text, fmt::arg("origin", checkpoint.origin),
                       fmt::arg("size", checkpoint.head.size),
                       fmt::arg("root", to_hex(checkpoint.head.root)), fmt::arg("key", key.text()));
}

}  // namespace blotter::ledger
