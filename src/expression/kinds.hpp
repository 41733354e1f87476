#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace blotter::expression {

/// The kinds of value. There is one kind of number, the exact decimal; a whole number is one too.
enum class Kind : std::uint8_t {
    null,
    boolean,
    decimal,
    string,
    list,
    map,
    timestamp,
    duration,
    type,
};
inline constexpr int kind_count = 9;

/// The name of a kind inside the language: "null_type", "bool", "decimal", "string", "list",
/// "map", "timestamp", "duration", "type".
std::string_view name_of(Kind kind);

/// Which kinds a value may have: what is known before evaluation. All of them is CEL's `dyn`.
class KindSet {
  public:
    constexpr KindSet() = default;
    constexpr KindSet(Kind kind)
        : bits_(static_cast<std::uint16_t>(1U << static_cast<int>(kind))) {}
    constexpr KindSet(std::initializer_list<Kind> kinds) {
        for (const Kind kind : kinds) *this = *this | KindSet(kind);
    }
    static constexpr KindSet any() { return of_bits((1U << kind_count) - 1); }

    constexpr bool empty() const { return bits_ == 0; }
    constexpr bool has(Kind kind) const { return overlaps(KindSet(kind)); }
    constexpr bool overlaps(KindSet other) const { return (bits_ & other.bits_) != 0; }
    constexpr KindSet operator|(KindSet other) const { return of_bits(bits_ | other.bits_); }
    constexpr KindSet operator&(KindSet other) const { return of_bits(bits_ & other.bits_); }
    constexpr bool operator==(const KindSet&) const = default;

    /// "string", "list or map", "any value".
    std::string text() const;

  private:
    static constexpr KindSet of_bits(unsigned bits) {
        KindSet out;
        out.bits_ = static_cast<std::uint16_t>(bits);
        return out;
    }
    std::uint16_t bits_ = 0;
};

}  // namespace blotter::expression
