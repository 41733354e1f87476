#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "store/tables/common.hpp"

/// Deliveries that were planned and then taken at the first attempt, which is most of all there
/// are: 64 numbers to a row of table `delivered`, since a row each costs more than all that stands
/// in it. Every other delivery is a row of its own (deliveries.hpp), and no number is both.
namespace blotter::store {

struct DeliveredAttempt {
    std::chrono::microseconds took{0};
    int outcome = 0;
    std::optional<int> status;
    ByteView detail;  ///< as attempt_forms.hpp packs it, or JSON
};
struct Delivered {
    std::int64_t no = 0;
    std::int64_t event_seq = 0;
    std::int64_t destination_no = 0;
    std::int64_t workspace_no = 0;
    Timestamp created_at;
    Timestamp started_at;
    std::optional<DeliveredAttempt> attempt;  ///< nothing when it is no longer kept
};

inline constexpr std::int64_t delivered_in_block = 64;

/// One row. Its column `entries` has for each delivery, in the order in which they ended: the
/// number within the block (one byte), the length of what follows (two bytes, the higher first),
/// and as packed numbers (packed.hpp) event, destination, workspace, the time of acceptance in ms,
/// the ms from there to the start of the attempt (2n, or -2n - 1 before it), and, while the attempt
/// is kept, its microseconds, its outcome, 0 or 1 + status, and the detail to the end.
/// Invariant: each number at most once, all of the block.
class DeliveredBlock {
  public:
    explicit DeliveredBlock(std::int64_t block) : block_(block) {}
    /// The one that would hold a number; empty when nothing is stored there.
    static Result<DeliveredBlock> load_of(sql::Connection& db, std::int64_t delivery_no);
    /// The first that is stored from a block on.
    static Result<std::optional<DeliveredBlock>> load_from(sql::Connection& db, std::int64_t block);

    std::int64_t number() const { return block_; }
    std::int64_t begin() const { return block_ * delivered_in_block; }
    std::int64_t end() const { return begin() + delivered_in_block; }
    bool is_empty() const { return count_ == 0; }

    /// In order of number. Views into this block. `corrupt` when the row is damaged.
    Result<std::vector<Delivered>> deliveries() const;
    /// Those of some numbers, in order.
    Result<std::vector<Delivered>> between(std::int64_t first, std::int64_t end) const;
    Result<std::optional<Delivered>> find(std::int64_t no) const;
    /// Which numbers are there, as bits from the lowest number on.
    Result<std::uint64_t> numbers() const;

    /// Whether an entry of this size still has room: a row that is read and written again for each
    /// commit must not grow with what receivers answer.
    bool has_room_for(std::size_t bytes) const;
    /// An entry that `pack` made, of a number that is not there yet.
    void append(ByteView entry);
    /// In place of all that is there.
    void set(const std::vector<Delivered>& deliveries);
    /// Writes the row, or deletes it when nothing is left.
    Result<> save(sql::Connection& db);

    static void pack(const Delivered& delivery, Bytes& out);
    /// What `pack` made for a number of this block.
    static Result<Delivered> unpack(std::int64_t block, ByteView entry);

  private:
    std::int64_t block_;
    std::int64_t count_ = 0;
    bool is_stored_ = false;
    Bytes entries_;
};

/// The lowest number from one on, and the highest of all.
Result<std::optional<std::int64_t>> next_delivered_no(sql::Connection& db, std::int64_t from);
Result<std::optional<std::int64_t>> newest_delivered_no(sql::Connection& db);

/// Deletes those from `begin` to before `end`.
Result<> delete_delivered(sql::Connection& db, std::int64_t begin, std::int64_t end);

}  // namespace blotter::store
