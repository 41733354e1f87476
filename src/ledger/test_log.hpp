#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "ledger/exporter.hpp"
#include "ledger/leaf.hpp"
#include "ledger/merkle.hpp"
#include "ledger/verifier.hpp"

/// A small log with a known key and its export in memory, for tests and fuzz targets.
namespace blotter::ledger::testing_log {

inline constexpr std::string_view test_origin = "ledger.test/workspace";

inline const NoteSigner& test_signer() {
    static const NoteSigner made = [] {
        std::array<std::uint8_t, 32> seed{};
        seed.fill(0x42);
        return NoteSigner::create(std::string{test_origin}, seed).value();
    }();
    return made;
}

/// A log of made-up events, signed.
class TestLog : public LogSource, public HashReader {
  public:
    explicit TestLog(std::uint64_t size) {
        for (std::uint64_t n = 0; n < size; ++n) append(n);
        sign();
    }
    void append(std::uint64_t n) {
        Uuid uuid{};
        for (std::size_t i = 0; i < 8; ++i) uuid[15 - i] = static_cast<std::uint8_t>(n >> 8 * i);
        const Leaf leaf = event_leaf(n, from_ms(1'779'805'920'123 + static_cast<std::int64_t>(n)),
                                     "t-4f1c", {EventId{uuid}, sha256(std::to_string(n))});
        stored.push_back(to_entry(leaf).value());
        frontier.append(leaf_hash(stored.back()),
                        [this](const NodeId& id, const Digest& hash) { nodes_[id] = hash; });
        heads.push_back(frontier.head());
    }
    void sign() {
        note = sign_checkpoint({std::string{test_origin}, frontier.head()}, test_signer()).value();
    }

    Result<std::string> checkpoint_note() override { return note; }
    NoteVerifier public_key() override { return test_signer().verifier(); }
    Result<std::vector<Bytes>> entries(std::uint64_t first, std::uint16_t count) override {
        const auto begin = stored.begin() + static_cast<std::ptrdiff_t>(first);
        return std::vector<Bytes>(begin, begin + count);
    }
    Result<std::vector<Digest>> read_hashes(std::span<const NodeId> ids) override {
        std::vector<Digest> out;
        for (const NodeId& id : ids) out.push_back(nodes_.at(id));
        return out;
    }

    std::vector<Bytes> stored;
    std::vector<TreeHead> heads;  ///< after each append
    MerkleFrontier frontier;
    std::string note;

  private:
    std::map<NodeId, Digest> nodes_;
};

/// An export in memory: cheap to change and to verify again. A file is written once.
class MemoryFiles : public FileSink, public FileSource {
  public:
    Result<> write(const std::string& path, ByteView bytes) override {
        if (!files.try_emplace(path, bytes.begin(), bytes.end()).second)
            return fail(Errc::conflict, path + " is written twice");
        order.push_back(path);
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
    std::vector<std::string> order;
};

}  // namespace blotter::ledger::testing_log
