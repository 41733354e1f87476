#pragma once

#include <cstdint>

#include "base/invariant.hpp"

namespace blotter::delivery {

/// The place of one element in one ring.
struct Link {
    std::int32_t previous = -1;
    std::int32_t next = -1;
    bool linked = false;
};

/// An intrusive circular list over the elements of an array, by index: no allocation, and O(1) to
/// add anywhere, to remove from anywhere and to send the head to the tail. `links` maps an index
/// to its Link and must name the same Link each time.
struct Ring {
    std::int32_t head = -1;

    bool empty() const { return head < 0; }

    template <typename Links>
    void push_back(std::int32_t index, Links links) {
        if (head >= 0) return insert_after(index, links(head).previous, links);
        Link& link = links(index);
        INVARIANT(!link.linked);
        link = {.previous = index, .next = index, .linked = true};
        head = index;
    }

    template <typename Links>
    void push_front(std::int32_t index, Links links) {
        push_back(index, links);
        head = index;
    }

    template <typename Links>
    void insert_after(std::int32_t index, std::int32_t other, Links links) {
        Link& link = links(index);
        INVARIANT(!link.linked);
        link = {.previous = other, .next = links(other).next, .linked = true};
        links(link.next).previous = index;
        links(other).next = index;
    }

    template <typename Links>
    void remove(std::int32_t index, Links links) {
        Link& link = links(index);
        INVARIANT(link.linked);
        if (link.next == index) {
            head = -1;
        } else {
            links(link.previous).next = link.next;
            links(link.next).previous = link.previous;
            if (head == index) head = link.next;
        }
        link = {};
    }

    /// The head becomes the tail.
    template <typename Links>
    void rotate(Links links) {
        head = links(head).next;
    }
};

}  // namespace blotter::delivery
