#include "security/secret.hpp"

#include <concepts>
#include <functional>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace blotter::security {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
template <typename T>
concept Comparable = requires(const T& left, const T& right) { left == right; };
template <typename T>
concept Ordered = requires(const T& left, const T& right) { left < right; };
template <typename T>
concept Hashable = requires(const T& value) { std::hash<T>{}(value); };

// The checks themselves can fail: an ordinary string passes every one of them.
static_assert(Printable<std::string> && Comparable<std::string> && Ordered<std::string> &&
              Hashable<std::string> && fmt::is_formattable<std::string>::value);

static_assert(!Printable<Secret>);
static_assert(!Comparable<Secret>);
static_assert(!Ordered<Secret>);
static_assert(!Hashable<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::copyable<Secret> && !std::is_copy_constructible_v<Secret> &&
              !std::is_copy_assignable_v<Secret>);
static_assert(std::movable<Secret> && std::is_nothrow_move_constructible_v<Secret>);
static_assert(!std::is_convertible_v<Secret, ByteView> &&
              !std::is_convertible_v<Secret, std::string_view> &&
              !std::is_convertible_v<std::string, Secret> && !std::is_convertible_v<Bytes, Secret>);

TEST(Secret, gives_back_the_bytes_when_asked_by_name) {
    const Secret secret = Secret::copy_of("test-key-not-a-real-one");
    EXPECT_EQ(secret.expose_text(), "test-key-not-a-real-one");
    EXPECT_EQ(secret.size(), 23u);
    EXPECT_FALSE(secret.empty());
}

TEST(Secret, leaves_the_source_empty_when_moved_or_taken) {
    Secret first = Secret::copy_of("abc");
    Secret second = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the promise under test
    EXPECT_EQ(second.expose_text(), "abc");
    first = std::move(second);
    EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(first.expose_text(), "abc");

    Bytes bytes{1, 2, 3};
    EXPECT_EQ(Secret::take(std::move(bytes)).size(), 3u);
    EXPECT_TRUE(bytes.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, wipes_a_taken_string_even_when_it_was_stored_in_place) {
    std::string text = "short";
    const char* at = text.data();
    const Secret secret = Secret::take(std::move(text));
    EXPECT_EQ(secret.expose_text(), "short");
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(at[i], 0) << i;
}

TEST(Secret, keeps_the_bytes_where_they_were_when_a_vector_is_taken) {
    Bytes bytes{1, 2, 3};
    const std::uint8_t* at = bytes.data();
    const Secret secret = Secret::take(std::move(bytes));
    EXPECT_EQ(secret.expose().data(), at) << "a copy would leave key bytes in freed memory";
}

}  // namespace
}  // namespace blotter::security
