#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "runtime/task.hpp"

namespace blotter::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options };

std::string_view to_text(Method method);
/// Method names are case-sensitive (RFC 9110 section 9.1).
std::optional<Method> parse_method(std::string_view name);

/// "application/json" equals "Application/JSON".
bool equal_ignoring_case(std::string_view left, std::string_view right);
/// A field name: one or more token characters (RFC 9110 section 5.6.2).
bool is_token(std::string_view text);
/// A field value without CR, LF, NUL or another control byte except tab.
bool is_field_value(std::string_view text);

/// Header fields in the order in which they came. Names compare without case. All text lies in one
/// string, so a message costs two allocations however many fields it has. A value.
class Headers {
  public:
    struct Field {
        std::string_view name;
        std::string_view value;
    };
    static constexpr std::size_t fields_max = 100;

    /// `name` must be a token; control bytes of `value` become spaces, so that no value can end
    /// its line. Past `fields_max` it is a programming error: parsers count before they add.
    void add(std::string_view name, std::string_view value);
    /// Replaces every field of the name by one.
    void set(std::string_view name, std::string_view value);
    void erase(std::string_view name);
    /// The value of the first field of the name.
    std::optional<std::string_view> find(std::string_view name) const;
    /// The same, empty when there is none.
    std::string_view get(std::string_view name) const { return find(name).value_or(""); }
    bool contains(std::string_view name) const { return find(name).has_value(); }
    std::size_t count(std::string_view name) const;
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    /// Forgets the fields, keeps the memory.
    void clear();
    Field operator[](std::size_t index) const;

    class Iterator {
      public:
        using difference_type = std::ptrdiff_t;
        using value_type = Field;
        Iterator() = default;
        Iterator(const Headers* of, std::size_t at) : of_(of), at_(at) {}
        Field operator*() const { return (*of_)[at_]; }
        Iterator& operator++() {
            ++at_;
            return *this;
        }
        Iterator operator++(int) {
            const Iterator old = *this;
            ++at_;
            return old;
        }
        bool operator==(const Iterator&) const = default;

      private:
        const Headers* of_ = nullptr;
        std::size_t at_ = 0;
    };
    Iterator begin() const { return {this, 0}; }
    Iterator end() const { return {this, entries_.size()}; }

  private:
    struct Entry {
        std::uint32_t name_at;
        std::uint32_t name_size;
        std::uint32_t value_size;  ///< the value follows the name
    };
    std::string text_;
    std::vector<Entry> entries_;
};

/// What a client asked. The head has been through the guard: one Host, an absolute path, bounded.
struct Request {
    Method method = Method::get;
    std::string target;  ///< as sent: path and, after '?', the query
    Headers headers;
    std::string body;  ///< whole when the route buffers; empty when it streams

    std::string_view path() const;
    /// Without the '?'.
    std::string_view query() const;
};

/// Where a streamed answer goes. Every piece is on its way to the socket when `write` ends.
class BodyWriter {
  public:
    virtual ~BodyWriter() = default;
    virtual runtime::Task<Result<>> write(std::string_view piece) = 0;
};

/// The body of an answer that is made while it is sent. A failure ends the connection, so that
/// the client sees a cut body and never a whole one that is wrong.
class BodySource {
  public:
    virtual ~BodySource() = default;
    /// Known sizes are sent as Content-Length and must then be met; unknown ones are chunked.
    virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
    virtual runtime::Task<Result<>> write_to(BodyWriter& writer) = 0;
};

/// What Blotter answers. At most one of `body`, `shared_body` and `source` is used, in the
/// opposite order. Content-Length, Date, Connection and Transfer-Encoding are the server's affair.
struct Response {
    int status = 200;
    /// Field lines that never change, each ended by CRLF, in storage that is never freed
    /// ("content-type: application/json\r\n"): copied in one go, for the frequent answers.
    std::string_view fixed_fields;
    Headers headers;
    std::string body;
    std::shared_ptr<const std::string> shared_body;
    std::unique_ptr<BodySource> source;
    enum class Keep : bool { close, alive } keep = Keep::alive;
};

/// An answer with a body of a type: `{200, "text/plain; charset=utf-8", "…"}`.
Response make_response(int status, std::string_view content_type, std::string body);

/// "OK", "Not Found"; "Unknown" for a status without a name.
std::string_view reason_of(int status);

/// IMF-fixdate (RFC 9110 section 5.6.7): "Tue, 26 May 2026 14:32:00 GMT".
std::string to_http_date(Timestamp at);
/// IMF-fixdate only; the two obsolete forms are refused.
Result<Timestamp> parse_http_date(std::string_view text);

}  // namespace blotter::http
