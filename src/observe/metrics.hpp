#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace blotter::observe {

/// A number that only grows. Any thread may add or read. Relaxed: it orders nothing else.
class Counter {
  public:
    void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down. Any thread.
class Gauge {
  public:
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    void subtract(std::int64_t n = 1) { value_.fetch_sub(n, std::memory_order_relaxed); }
    std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::int64_t> value_{0};
};

/// Counts one thing under way for as long as it lives, so that a start always gets its end.
class InFlight {
  public:
    explicit InFlight(Gauge& gauge) : gauge_(gauge) { gauge_.add(); }
    ~InFlight() { gauge_.subtract(); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

  private:
    Gauge& gauge_;
};

/// Durations in fixed buckets, three per decade from 100 µs to 100 s, as Prometheus wants them.
/// Any thread. A reader may see a sum that is one observation ahead of the buckets.
class Histogram {
  public:
    static constexpr std::array<std::int64_t, 19> bounds_ns{
        100'000,        250'000,        500'000,        1'000'000,      2'500'000,
        5'000'000,      10'000'000,     25'000'000,     50'000'000,     100'000'000,
        250'000'000,    500'000'000,    1'000'000'000,  2'500'000'000,  5'000'000'000,
        10'000'000'000, 25'000'000'000, 50'000'000'000, 100'000'000'000};

    /// Negative durations count as zero.
    void observe(std::chrono::nanoseconds took);
    /// Observations in bucket `index`; bounds_ns.size() is the bucket without an upper bound.
    std::uint64_t count(std::size_t index) const {
        return counts_[index].load(std::memory_order_relaxed);
    }
    std::uint64_t sum_ns() const { return sum_ns_.load(std::memory_order_relaxed); }

  private:
    std::array<std::atomic<std::uint64_t>, bounds_ns.size() + 1> counts_{};
    std::atomic<std::uint64_t> sum_ns_{0};
};

/// An enum with a `to_text` beside it: the only source of label values that is not a literal, so
/// that the number of series is bounded while compiling.
template <typename E>
concept LabelEnum = std::is_enum_v<E> && requires(E e) {
    { to_text(e) } -> std::convertible_to<std::string_view>;
};

/// One counter for each value of an enum whose values are 0 … size − 1.
template <LabelEnum E, std::size_t size>
class CountersBy {
  public:
    Counter& operator[](E e) { return counters_.at(static_cast<std::size_t>(e)); }
    const Counter& operator[](E e) const { return counters_.at(static_cast<std::size_t>(e)); }

  private:
    std::array<Counter, size> counters_;
};

/// A text that is a literal of the program: a metric's name, help or label.
class Literal {
  public:
    consteval Literal(const char* text) : text_(text) {}
    std::string_view text() const { return text_; }

  private:
    std::string_view text_;
};

/// A text of a table that is fixed before the program serves, such as the name of a route: as
/// bounded as a literal.
struct FixedText {
    std::string_view text;
};

/// One `name="value"` of a series. The value is a literal, an enum or of a fixed table, never data.
class Label {
  public:
    Label(Literal name, FixedText value) : name_(name.text()), value_(value.text) {}
    Label(Literal name, Literal value) : name_(name.text()), value_(value.text()) {}
    template <LabelEnum E>
    Label(Literal name, E value) : name_(name.text()), value_(to_text(value)) {}
    std::string_view name() const { return name_; }
    std::string_view value() const { return value_; }

  private:
    std::string_view name_;
    std::string value_;
};
using Labels = std::initializer_list<Label>;

/// What a group of series is called and what it counts. A counter's name ends in _total, a
/// histogram's in _seconds; another name is a programming error.
struct Family {
    Literal name;
    Literal help;
};

/// The page that /metrics shows. Filled at the start by whoever owns the probes, which must
/// outlive it; afterwards `render` may be called from any thread. The same series may be added
/// several times, once per loop: the page adds the figures up, so that loops share no cache line.
class MetricsPage {
  public:
    MetricsPage();
    ~MetricsPage();
    MetricsPage(const MetricsPage&) = delete;
    MetricsPage& operator=(const MetricsPage&) = delete;

    void add(Family family, Labels labels, const Counter& counter);
    void add(Family family, Labels labels, const Gauge& gauge);
    void add(Family family, Labels labels, const Histogram& histogram);
    /// One series for each value of the enum, told apart by `label`.
    template <LabelEnum E, std::size_t size>
    void add(Family family, Literal label, const CountersBy<E, size>& counters) {
        for (std::size_t i = 0; i < size; ++i) {
            const E value = static_cast<E>(i);
            add(family, {{label, value}}, counters[value]);
        }
    }

    /// Prometheus text exposition format 0.0.4.
    std::string render() const;
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  private:
    struct Entry;
    struct Series;
    Series& series(Family family, std::string_view type, Labels labels);
    std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace blotter::observe
