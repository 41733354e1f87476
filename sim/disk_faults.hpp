#pragma once

#include <optional>

#include "dice.hpp"
#include "store/sqlite/fault_vfs.hpp"

namespace blotter::sim {

/// What goes wrong on the disk under the database: armed by the run, one trouble at a time.
class DiskFaults final : public store::FaultPolicy {
  public:
    explicit DiskFaults(Dice dice) : dice_(dice) {}

    /// After so many more calls of any kind (of `op`, if one is named) this happens, once.
    struct Armed {
        store::Fault fault = store::Fault::none;
        std::uint64_t after = 0;
        std::optional<store::FileOp> op;
    };
    void arm(Armed armed) { armed_ = armed; }
    void disarm() { armed_.reset(); }
    /// For as long as it is set, every write answers ENOSPC.
    enum class Full : bool { no, yes };
    void set_full(Full full) { full_ = full; }
    bool is_full() const { return full_ == Full::yes; }
    /// The control run: syncs say yes and do nothing.
    void lie_about_syncs() { lying_ = true; }
    /// Not while the run itself looks at the files.
    void set_quiet(bool quiet) { quiet_ = quiet; }
    /// Counts what was done to whom, for the summary.
    std::uint64_t hits() const { return hits_; }

    store::Fault on(store::FileOp op, std::string_view path, std::uint64_t nth) override;
    bool survives(std::string_view path, std::uint64_t sector) override;

  private:
    Dice dice_;
    std::optional<Armed> armed_;
    Full full_ = Full::no;
    bool lying_ = false;
    bool quiet_ = false;
    std::uint64_t hits_ = 0;
};

}  // namespace blotter::sim
