#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ledger/checkpoint.hpp"

/// The check of an export (exporter.hpp) that trusts nothing but the key: everything is computed
/// anew from the entries and compared byte for byte with the tiles and the signed checkpoint.
namespace blotter::ledger {

/// Gives the files of an export. `path` is relative, with '/' between its parts.
class FileSource {
  public:
    virtual ~FileSource() = default;
    /// The paths of all files.
    virtual Result<std::vector<std::string>> list() = 0;
    /// `not_found` when there is no such file, `too_large` when it has more than `bytes_max`.
    virtual Result<Bytes> read(const std::string& path, std::size_t bytes_max) = 0;
};

/// One thing that is wrong.
struct Finding {
    std::string file;
    /// The index of the entry concerned, where it can be told.
    std::optional<std::uint64_t> entry;
    std::string words;
};

/// "tile/entries/000, entry 17: …"
std::string describe(const Finding& finding);

struct VerifyOptions {
    /// The key that the caller trusts. Without it the export's own is taken, which only shows
    /// that the export agrees with itself.
    std::optional<NoteVerifier> trusted_key{};
    /// Heads that the caller has seen signed before: the log must have grown out of each.
    std::vector<TreeHead> known_heads{};
    std::size_t findings_max = 100;
};

struct VerifyReport {
    /// What is signed; none when key or checkpoint cannot be trusted, and then nothing else was
    /// looked at.
    std::optional<Checkpoint> checkpoint;
    std::uint64_t entries_read = 0;
    std::uint64_t tiles_compared = 0;
    /// Signature lines by other keys: these alone were not checked.
    std::size_t other_signatures = 0;
    std::vector<Finding> findings;
    /// How many more findings there were than `findings_max`.
    std::uint64_t findings_left_off = 0;

    bool is_sound() const { return checkpoint.has_value() && findings.empty(); }
};

/// Verifies the whole export; README.txt is the only file whose content is not covered. Reads
/// each file once and holds a few tiles at a time. Runs on the blocking pool or in the CLI.
VerifyReport verify_export(FileSource& files, const VerifyOptions& options = {});

}  // namespace blotter::ledger
