#pragma once

#include <memory>

#include "checks.hpp"
#include "life.hpp"
#include "world.hpp"

namespace blotter::sim {

/// Which of the planned mistakes a control run makes.
enum class Control : std::uint8_t { none, lost_syncs };

struct RunOptions {
    PlanOptions plan;
    Control control = Control::none;
    std::FILE* trace_out = nullptr;
};

/// What a run came to. Plain data, so that it fits through a pipe.
struct Outcome {
    std::uint64_t seed = 0;
    std::uint64_t hash = 0;
    std::uint64_t lines = 0;
    std::uint64_t events = 0;
    std::uint64_t attempts = 0;  ///< that arrived
    std::uint64_t ends = 0;      ///< of processes, orderly ones included
    std::uint64_t looks = 0;
    std::uint64_t refused = 0;
    std::uint64_t checkpoints = 0;
    char promise[16] = {};  ///< empty: nothing was found
    char what[400] = {};
    bool good() const { return promise[0] == '\0'; }
};

/// One seed from its first event to its last checked promise. Once per process: what crashed is
/// not cleaned up.
class Run {
  public:
    explicit Run(const RunOptions& options);
    Outcome run();

  private:
    void begin();
    void set_up();
    void go_on(MonoTime until);
    void carry_out(const Step& step);
    void carry_out_on_disk(const Step& step);
    void end_life(std::string why);
    void look();
    void check_views();
    void await(const bool& done);
    Outcome outcome() const;

    RunOptions options_;
    World world_;
    Checks checks_;
    Dice dice_;
    Life* life_ = nullptr;  ///< owned by nobody: see Life
    std::uint64_t lives_ = 0;
    static constexpr std::uint32_t failed_starts_max = 20;
    std::uint32_t failed_starts_ = 0;  ///< in a row
    std::optional<MonoTime> begin_at_;
    std::optional<MonoTime> ending_at_;
};

}  // namespace blotter::sim
