#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/exporter.hpp"
#include "ledger/leaf.hpp"
#include "ledger/verifier.hpp"

/// A small log with a known key, for the targets that look at what a log hands out.
namespace blotter::fuzz {

inline constexpr std::string_view log_origin = "ledger.test/workspace";

inline const ledger::NoteSigner& log_signer() {
    static const ledger::NoteSigner made = [] {
        std::array<std::uint8_t, 32> seed{};
        seed.fill(0x42);
        return ledger::NoteSigner::create(std::string{log_origin}, seed).value();
    }();
    return made;
}

class SmallLog : public ledger::LogSource, public ledger::HashReader {
  public:
    explicit SmallLog(std::uint64_t size) {
        for (std::uint64_t n = 0; n < size; ++n) {
            Uuid uuid{};
            uuid[14] = static_cast<std::uint8_t>(n >> 8);
            uuid[15] = static_cast<std::uint8_t>(n);
            const auto at = from_ms(1'779'805'920'123 + static_cast<std::int64_t>(n));
            const auto leaf =
                ledger::event_leaf(n, at, "t-4f1c", {EventId{uuid}, sha256(std::to_string(n))});
            stored_.push_back(ledger::to_entry(leaf).value());
            frontier_.append(
                ledger::leaf_hash(stored_.back()),
                [this](const ledger::NodeId& id, const Digest& hash) { nodes_[id] = hash; });
        }
    }
    ledger::TreeHead head() const { return frontier_.head(); }
    const std::vector<Bytes>& stored() const { return stored_; }

    Result<std::string> checkpoint_note() override {
        return ledger::sign_checkpoint({std::string{log_origin}, head()}, log_signer());
    }
    ledger::NoteVerifier public_key() override { return log_signer().verifier(); }
    Result<std::vector<Bytes>> entries(std::uint64_t first, std::uint16_t count) override {
        const auto from = stored_.begin() + static_cast<std::ptrdiff_t>(first);
        return std::vector<Bytes>(from, from + count);
    }
    Result<std::vector<Digest>> read_hashes(std::span<const ledger::NodeId> ids) override {
        std::vector<Digest> out;
        for (const auto& id : ids) out.push_back(nodes_.at(id));
        return out;
    }

  private:
    std::vector<Bytes> stored_;
    ledger::MerkleFrontier frontier_;
    std::map<ledger::NodeId, Digest> nodes_;
};

/// An export in memory.
class MemoryFiles : public ledger::FileSink, public ledger::FileSource {
  public:
    Result<> write(const std::string& path, ByteView bytes) override {
        files[path] = Bytes(bytes.begin(), bytes.end());
        return {};
    }
    Result<std::vector<std::string>> list() override {
        std::vector<std::string> out;
        for (const auto& [path, bytes] : files) out.push_back(path);
        return out;
    }
    Result<Bytes> read(const std::string& path, std::size_t bytes_max) override {
        const auto found = files.find(path);
        if (found == files.end()) return fail(Errc::not_found, "no file " + path);
        if (found->second.size() > bytes_max) return fail(Errc::too_large, path + " is too large");
        return found->second;
    }
    std::map<std::string, Bytes> files;
};

}  // namespace blotter::fuzz
