#pragma once

#include <cstdint>
#include <span>
#include <unordered_set>

#include "store/writer.hpp"

namespace blotter::store {

/// Where deliveries are listed, numbers count in blocks of so many; `delivery_block` says which
/// destinations may have deliveries in a block.
inline constexpr std::int64_t delivery_block_numbers = 1'024;

/// `replay_no` of deliveries that were planned before they had numbers with their event.
inline constexpr std::int64_t planned_without_number = -1;

/// Gives deliveries their numbers, once each, ascending: those of an event together when it is
/// accepted, so that its plan leads to them, and one to each that is sent again. A number whose
/// transaction is undone, or that a restart comes upon, is left out. Writer's thread only.
class DeliveryNumbers {
  public:
    /// The first of as many consecutive numbers as there are destinations, in their order, noted
    /// in `delivery_block`.
    Result<std::int64_t> take(Tx& tx, std::span<const std::int64_t> destination_nos);
    Result<std::int64_t> take(Tx& tx, std::int64_t destination_no) {
        return take(tx, {&destination_no, 1});
    }

  private:
    Result<> reserve(Tx& tx, std::int64_t count);
    Result<> note(Tx& tx, std::int64_t block, std::int64_t destination_no);
    void forget_if_undone(Tx& tx);

    std::int64_t next_ = 0;
    std::int64_t reserved_ = 0;  ///< up to here numbers are ours, as the store says; 0: not read
    std::int64_t block_ = -1;
    std::unordered_set<std::int64_t> noted_;  ///< destinations of `block_`
};

/// Retention: forgets up to `limit` notes of blocks whose deliveries are all gone with their
/// events.
Result<std::int64_t> delete_emptied_blocks(sql::Connection& db, std::size_t limit);

}  // namespace blotter::store
