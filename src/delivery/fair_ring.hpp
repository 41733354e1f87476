#pragma once

#include <cstdint>
#include <optional>

#include "delivery/ring.hpp"

namespace blotter::delivery {

/// Those who wait for a turn. Each gets one after the other, but who had nothing to do until now
/// need not wait for all who have had for long: it goes before them, in the order of coming, for
/// one turn. It may so again when each of the others could have had a turn meanwhile, so nobody
/// gets more than an equal share by coming and going (RFC 8290, section 4.2, "new" and "old"
/// queues).
///
/// An intrusive list over the elements of an array, by index: no allocation, and O(1) throughout.
/// `places` maps an index to its Place and must name the same one each time.
class FairRing {
  public:
    /// Of one element, in one ring.
    struct Place {
        Link link;
        bool is_new = false;                  ///< before those who have waited for long
        std::optional<std::uint64_t> before;  ///< turns that these had had when it last went first
        bool linked() const { return link.linked; }
    };

    bool empty() const { return ring_.empty(); }
    /// Whose turn it is. There is one.
    std::int32_t head() const { return ring_.head; }

    template <typename Places>
    void join(std::int32_t index, Places places) {
        Place& place = places(index);
        const auto links = [&](std::int32_t i) -> Link& { return places(i).link; };
        place.is_new = !place.before || turns_ - *place.before >= old_;
        if (!place.is_new) {
            ring_.push_back(index, links);
            old_ += 1;
            return;
        }
        place.before = turns_;
        if (last_new_ < 0)
            ring_.push_front(index, links);
        else
            ring_.insert_after(index, last_new_, links);
        last_new_ = index;
    }

    template <typename Places>
    void remove(std::int32_t index, Places places) {
        Place& place = places(index);
        if (place.is_new)
            forget_new(index, places);
        else
            old_ -= 1;
        place.is_new = false;
        ring_.remove(index, [&](std::int32_t i) -> Link& { return places(i).link; });
    }

    /// The head has had its turn: it becomes the tail.
    template <typename Places>
    void end_turn(Places places) {
        Place& place = places(ring_.head);
        if (place.is_new) {
            forget_new(ring_.head, places);
            place.is_new = false;
            old_ += 1;
        } else {
            turns_ += 1;
        }
        ring_.rotate([&](std::int32_t i) -> Link& { return places(i).link; });
    }

  private:
    template <typename Places>
    void forget_new(std::int32_t index, Places places) {
        if (last_new_ != index) return;
        last_new_ = index == ring_.head ? -1 : places(index).link.previous;
    }

    Ring ring_;                   ///< from the head: the new ones, then the old ones
    std::int32_t last_new_ = -1;  ///< -1: none is new
    std::uint64_t old_ = 0;       ///< how many are not new
    std::uint64_t turns_ = 0;     ///< that old ones have had
};

}  // namespace blotter::delivery
