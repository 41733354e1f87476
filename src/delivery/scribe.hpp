#pragma once

#include <unordered_set>
#include <vector>

#include "delivery/first_attempts.hpp"
#include "delivery/record.hpp"
#include "intake/intake.hpp"
#include "store/tables/delivered_batch.hpp"
#include "store/writer.hpp"

namespace blotter::delivery {

/// Writes records inside a transaction: rows, attempts, due times, and what follows from a final
/// failure (alert, ledger note, a destination that is gone is disabled). Writer's thread only.
class Scribe {
  public:
    Scribe(intake::Intake& intake, FirstAttempts& owed) : intake_(intake), owed_(owed) {}

    /// Gives the rows that are due later. Nothing of `records` is used up: the same batch can be
    /// written again when the transaction was lost.
    Result<std::vector<Due>> write(store::Tx& tx, const std::vector<Record>& records);

    /// Changes a destination's state, everywhere: row, directory, ledger. `Applied::no` when it is
    /// in that state already.
    Result<store::Applied> set_state(store::Tx& tx, std::int64_t destination_no,
                                     DestinationState state, std::string_view reason);

    /// The data of these events is erased in this transaction: what comes for them from now on is
    /// written without what receivers answered, and ends.
    void erase(store::Tx& tx, const std::vector<std::int64_t>& event_seqs);

  private:
    Result<std::int64_t> write_one(store::Tx& tx, const Record& record, Timestamp now);
    Result<store::AttemptResult> result_of(store::Tx& tx, const Record& record, Timestamp now);
    Result<> write_removed(store::Tx& tx, Record record, Timestamp now);
    Result<> write_erased(store::Tx& tx, Record& record, Timestamp now);
    Result<> follow(store::Tx& tx, const Record& record);

    intake::Intake& intake_;
    FirstAttempts& owed_;
    std::string packed_;                       ///< the detail of the record being written
    store::DeliveredBatch delivered_;          ///< of the batch being written
    std::unordered_set<std::int64_t> erased_;  ///< since the start; attempts then were lost
};

}  // namespace blotter::delivery
