#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace blotter::security {

/// Bytes that must not leak: a key, a token, a password. Wiped when destroyed or overwritten.
/// It moves but never copies by accident, and it can be neither printed, formatted, hashed nor
/// compared with ==; whoever needs the bytes says so with `expose`, which is easy to search for.
/// A value of its own; not thread-safe.
class Secret {
  public:
    Secret() = default;
    /// A second copy of bytes that stay with the caller.
    static Secret copy_of(ByteView bytes);
    static Secret copy_of(std::string_view text) { return copy_of(as_bytes(text)); }
    /// Takes the bytes over; the source is empty afterwards and nothing of it stays in memory.
    static Secret take(Bytes&& bytes);
    static Secret take(std::string&& text);

    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    /// The bytes; valid while this object lives unmoved. Never log or store them as they are.
    ByteView expose() const { return bytes_; }
    std::string_view expose_text() const { return as_text(bytes_); }

    std::size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }

    bool operator==(const Secret&) const = delete;
    friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

  private:
    void wipe() noexcept;

    Bytes bytes_;
};

/// Overwrites memory in a way that the compiler may not drop.
void wipe(void* data, std::size_t size) noexcept;

}  // namespace blotter::security
