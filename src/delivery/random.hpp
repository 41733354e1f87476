#pragma once

#include <cstdint>

namespace blotter::delivery {

/// The source of randomness that a decision is given, so that a seed replays it. Called on the
/// thread of the decision. The caller supplies the implementation; this room has none.
struct Random {
    virtual ~Random() = default;
    /// 64 independent, uniformly distributed bits.
    virtual std::uint64_t next() = 0;
};

}  // namespace blotter::delivery
