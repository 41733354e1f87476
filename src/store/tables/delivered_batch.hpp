#pragma once

#include <vector>

#include "store/tables/deliveries.hpp"

namespace blotter::store {

/// The outcomes of first attempts that are written together: those that were taken go into the
/// rows of delivered.hpp, as long as there is room. A value of its own, to be used again: what it
/// holds is gone after `write`. Writer's thread only.
class DeliveredBatch {
  public:
    /// Whether it is one for a batch: taken, with nothing more to say. Any other is
    /// `record_first_attempt`'s.
    static bool takes(const NewDelivery& row, const AttemptResult& result);
    void add(const NewDelivery& row, const AttemptResult& result);
    /// What has its row already, wherever, is left as it is.
    Result<> write(sql::Connection& db);
    /// What was added and not written: its transaction was lost.
    void clear();

  private:
    struct Item {
        std::int64_t no = 0;
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    Result<> write_block(sql::Connection& db, std::span<const Item> items);

    std::vector<Item> items_;
    Bytes entries_;
};

}  // namespace blotter::store
