#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <span>
#include <string_view>
#include <variant>

#include "base/decimal.hpp"
#include "base/json.hpp"
#include "base/time.hpp"
#include "expression/kinds.hpp"

namespace blotter::expression {

struct Node;
class View;
struct Entry;

/// How far an error reaches.
enum class Severity : std::uint8_t {
    missing,   ///< a field, key or index that is not there; `coalesce` goes on to the next
    ordinary,  ///< absorbed by && and || as in CEL
    limit,     ///< ends the whole evaluation
};

/// An error value. Lives in the arena of the evaluation.
struct Failure {
    const Node* node;  ///< where it arose; null when it arose in a bound value
    std::string_view message;
    Severity severity;
};

/// A list either inside bound JSON or made by the expression.
struct ListView {
    const json::Array* json = nullptr;
    std::span<const View> items{};
    std::size_t size() const;
    View at(std::size_t index) const;
};

/// A map either inside bound JSON or made by the expression.
struct MapView {
    const json::Object* json = nullptr;
    std::span<const Entry> entries{};
    std::size_t size() const;
    View key_at(std::size_t index) const;
    View value_at(std::size_t index) const;
};

/// A value during an evaluation: it owns nothing and refers into the bindings, the program or the
/// arena, so that reading a field copies no text. Trivially copyable.
class View {
  public:
    using Data = std::variant<std::nullptr_t, bool, Decimal, std::string_view, ListView, MapView,
                              Timestamp, Duration, Kind, const Failure*>;

    View() : data_(nullptr) {}
    template <typename T>
        requires std::same_as<T, bool>
    View(T value) : data_(value) {}
    View(Decimal value) : data_(value) {}
    View(std::string_view value) : data_(value) {}
    View(ListView value) : data_(value) {}
    View(MapView value) : data_(value) {}
    View(Timestamp value) : data_(value) {}
    View(Duration value) : data_(value) {}
    View(Kind value) : data_(value) {}
    View(const Failure* value) : data_(value) {}
    static View whole(std::size_t number) { return Decimal{static_cast<std::int64_t>(number)}; }
    /// A number that has too many digits becomes a failure.
    static View of(const json::Value& value);

    bool failed() const { return data_.index() == kind_count; }
    const Failure& failure() const { return **std::get_if<const Failure*>(&data_); }
    /// Not for failures.
    Kind kind() const { return static_cast<Kind>(data_.index()); }
    const bool* as_bool() const { return std::get_if<bool>(&data_); }
    const Decimal* as_decimal() const { return std::get_if<Decimal>(&data_); }
    const std::string_view* as_string() const { return std::get_if<std::string_view>(&data_); }
    const ListView* as_list() const { return std::get_if<ListView>(&data_); }
    const MapView* as_map() const { return std::get_if<MapView>(&data_); }
    const Timestamp* as_time() const { return std::get_if<Timestamp>(&data_); }
    const Duration* as_duration() const { return std::get_if<Duration>(&data_); }
    const Kind* as_type() const { return std::get_if<Kind>(&data_); }

  private:
    Data data_;
};

struct Entry {
    View key;
    View value;
};

/// Memory for what one evaluation makes, freed all at once. The first kilobytes are inside the
/// object, so that a typical filter allocates nothing.
class Arena {
  public:
    explicit Arena(std::size_t bytes_max) : left_(bytes_max) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// An empty span of data() == nullptr when the limit is reached.
    std::span<char> chars(std::size_t count) { return take<char>(count); }
    std::span<View> views(std::size_t count);
    std::span<Entry> entries(std::size_t count);
    /// A long message is cut. Never null: without room, the failure is that there is none.
    const Failure* failure(const Node* node, std::string_view message, Severity severity);

  private:
    template <typename T>
    std::span<T> take(std::size_t count) {
        if (count > left_ / sizeof(T)) return {};
        left_ -= count * sizeof(T);
        return {static_cast<T*>(memory_.allocate(count * sizeof(T), alignof(T))), count};
    }

    std::size_t left_;
    alignas(std::max_align_t) std::array<std::byte, 2'048> first_;
    std::pmr::monotonic_buffer_resource memory_{first_.data(), first_.size()};
};

}  // namespace blotter::expression
