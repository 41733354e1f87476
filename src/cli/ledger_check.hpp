#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/installation.hpp"
#include "ledger/leaf.hpp"
#include "ledger/tiles.hpp"
#include "store/tables/events.hpp"
#include "store/tables/workspaces.hpp"

namespace blotter::cli {

/// One thing that is wrong with the ledger.
struct LedgerFinding {
    std::string log;  ///< its origin
    std::optional<std::uint64_t> entry;
    std::string words;
};
/// "blotter.example/ws_…, entry 17: …"
std::string describe(const LedgerFinding& finding);

struct LedgerReport {
    std::uint64_t logs = 0;
    std::uint64_t entries = 0;
    std::uint64_t unsigned_entries = 0;  ///< newer than the last checkpoint of their log
    std::uint64_t checkpoints = 0;
    std::uint64_t tiles = 0;
    std::uint64_t events = 0;          ///< whose payload is what the ledger committed to
    std::uint64_t erased = 0;          ///< events whose data was erased, leaf and row being there
    std::uint64_t keys_apart = 0;      ///< events whose key a backup keeps in its own file
    std::uint64_t no_longer_kept = 0;  ///< leaves of events that retention has removed
    std::vector<LedgerFinding> findings;
    std::uint64_t findings_left_off = 0;

    bool is_sound() const { return findings.empty(); }
};

/// The check of a whole ledger where it is kept. Everything is computed anew from the entries, and
/// compared with the tiles, the signed checkpoints, what was signed last, the root log, and the
/// events. Reads one moment's state, so a server may go on beside it. Used once.
class LedgerCheck {
  public:
    struct Options {
        std::size_t findings_max = 100;
        /// Entries and events looked at, and how many there are.
        std::function<void(std::uint64_t, std::uint64_t)> progress{};
    };
    LedgerCheck(Installation& installation, Options options)
        : in_(installation), options_(std::move(options)) {}

    /// Fails only when the ledger cannot be looked at.
    Result<LedgerReport> run();

  private:
    /// A root that must come out when the log has `size` entries.
    struct Expected {
        std::uint64_t size = 0;
        Digest root{};
        std::string says;
    };
    struct Walk;  // one log on its way through its entries

    Result<> check_all();
    Result<> load_state();
    Result<> check_log(const store::LogRow& log);
    Result<> walk_entries(Walk& walk);
    Result<> check_bundle(Walk& walk, const std::vector<Bytes>& entries);
    Result<> check_leaf(Walk& walk, const Bytes& entry);
    Result<> check_kept(const Walk& walk, const ledger::Leaf& leaf);
    Result<> check_tiles(Walk& walk);
    Result<> check_heads(Walk& walk);
    Result<> refill(Walk& walk);
    void compare_head(Walk& walk, const Expected& expected);
    Result<> check_state_of(const Walk& walk);
    Result<> check_tile_counts(const Walk& walk);
    Result<> check_root_entries();
    Result<> check_events(const store::WorkspaceRow& workspace);
    Result<> check_event(const store::WorkspaceRow& workspace, const store::EventRow& event);
    Result<> check_payload(const store::WorkspaceRow& workspace, const store::EventRow& event,
                           const std::string& commitment);

    void find(const std::string& log, std::optional<std::uint64_t> entry, std::string words);
    void step(std::uint64_t count);

    Installation& in_;
    Options options_;
    LedgerReport report_;
    ledger::LogState state_;
    bool state_readable_ = true;
    std::map<std::int64_t, store::LogRow> logs_;
    std::map<std::int64_t, std::string> tenants_;  ///< workspace number to its id
    std::set<std::string> broken_;                 ///< logs that something was found in
    /// Leaves of the root logs that name other logs' checkpoints: (root log, n, checkpoint).
    std::vector<std::int64_t> root_logs_;
    std::uint64_t accepted_leaves_ = 0;
    std::uint64_t done_ = 0;
    std::uint64_t all_ = 0;
};

}  // namespace blotter::cli
