#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ledger/checkpoint.hpp"

/// Export: a whole log as a folder of static files that foreign software can read
/// (c2sp.org/tlog-tiles): `checkpoint`, `key`, `tile/<level>/<number>`, `tile/entries/<number>`
/// and a `README.txt` for people. Disk and store come in through the two interfaces.
namespace blotter::ledger {

inline constexpr std::string_view export_checkpoint_file = "checkpoint";
inline constexpr std::string_view export_key_file = "key";
inline constexpr std::string_view export_readme_file = "README.txt";

/// Takes the files of an export. `path` is relative, with '/' between its parts.
class FileSink {
  public:
    virtual ~FileSink() = default;
    /// Creates missing folders. Each path is written once.
    virtual Result<> write(const std::string& path, ByteView bytes) = 0;
};

/// One log, as the store has it.
class LogSource {
  public:
    virtual ~LogSource() = default;
    /// The newest signed checkpoint: a note. The export has exactly its size.
    virtual Result<std::string> checkpoint_note() = 0;
    /// The public key that signed it.
    virtual NoteVerifier public_key() = 0;
    /// The entries [first, first + count); count is at most 256, so that one query fills a bundle.
    virtual Result<std::vector<Bytes>> entries(std::uint64_t first, std::uint16_t count) = 0;
};

struct ExportSummary {
    Checkpoint checkpoint;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};

/// Writes the export. The tree is computed anew from the entries, and `corrupt` is returned when
/// it is not the one that was signed. `checkpoint` is written last, so that an export without one
/// is known to be incomplete. Runs on the blocking pool: it reads the whole log.
Result<ExportSummary> export_log(LogSource& source, FileSink& sink);

/// The text of README.txt.
std::string export_readme(const Checkpoint& checkpoint, const NoteVerifier& key);

}  // namespace blotter::ledger
