#pragma once

#include <map>
#include <set>

#include "image.hpp"
#include "world.hpp"

namespace blotter::sim {

/// The promises, checked from what clients, receivers and the disk saw. Nothing of the program's
/// own logic is used: schedules come from the plan, trees are hashed again, rows are read raw.
/// Remembers what earlier looks have seen, because most promises are about what must not change.
class Checks {
  public:
    explicit Checks(World& world) : world_(world), ledger_(world) {}

    void look(const Image& image);
    /// Nothing went wrong for days, and all time windows are over.
    void look_at_the_end(const Image& image);
    std::uint64_t looks() const { return looks_; }

  private:
    using Pair = std::pair<std::uint32_t, std::uint32_t>;  // destination, event
    struct Rows {
        std::vector<const Image::Delivery*> all;
        std::vector<const Image::Attempt*> attempts;
    };
    /// The image by the names of the plan.
    struct Indexed {
        const Image& image;
        std::map<std::int64_t, std::uint32_t> events;        // by seq
        std::map<std::int64_t, std::uint32_t> destinations;  // by no
        std::map<Pair, Rows> pairs;
        std::map<std::int64_t, std::vector<const Image::Attempt*>> attempts;  // by delivery
    };
    /// P9.
    class Ledger {
      public:
        explicit Ledger(World& world) : world_(world) {}
        void look(const Image& image);

      private:
        void check_log(const Image& image, std::int64_t log_no);
        void check_signature(const std::string& note);

        World& world_;
        std::map<std::int64_t, std::vector<std::string>> seen_;  ///< leaves
        std::set<std::string> notes_checked_;
    };

    Indexed index(const Image& image);
    void check_durable(const Image& image);
    void check_rows(const Indexed& indexed);
    void check_attempts(const Image::Delivery& row, const Indexed& indexed);
    void check_finals(const Indexed& indexed);
    void check_window(const Indexed& indexed);
    void check_arrivals(const Indexed& indexed);
    void check_repetitions();
    void check_order(const Indexed& indexed);
    bool was_turned(std::uint32_t destination, std::int64_t from, std::int64_t to) const;
    bool ended_within(MonoTime from, MonoTime to) const;
    bool is_recorded(const Arrival& arrival, const Indexed& indexed) const;
    static std::string rows_of(const Arrival& arrival, const Indexed& indexed);

    World& world_;
    Ledger ledger_;
    std::uint64_t looks_ = 0;
    std::map<std::int64_t, std::pair<int, std::int64_t>> final_rows_;  ///< state, attempts
    std::map<Pair, MonoTime> final_since_;
    std::set<Pair> complained_;
};

}  // namespace blotter::sim
