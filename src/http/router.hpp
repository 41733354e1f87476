#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "http/message.hpp"

namespace blotter::http {

/// What a route stands for, chosen by the caller (an index into its own table).
enum class RouteId : std::uint32_t {};

/// The values of the `{names}` of a pattern, percent-decoded.
class PathParameters {
  public:
    struct Parameter {
        std::string_view name;  ///< owned by the router
        std::string value;
    };
    /// Empty when the pattern has no such name.
    std::string_view get(std::string_view name) const;
    std::size_t size() const { return values_.size(); }
    const std::vector<Parameter>& values() const { return values_; }

  private:
    friend class Router;
    std::vector<Parameter> values_;
};

/// Finds the route of a path. Patterns look like "/v1/envelopes/{envelope_id}/send"; a last
/// segment "{name...}" takes the rest of the path, slashes included. Fixed segments win over
/// parameters. Time grows with the number of segments, not of routes. Built at start, then read
/// only: any thread.
class Router {
  public:
    struct Match {
        RouteId route;
        PathParameters parameters;
    };
    struct NoSuchPath {};
    struct NoSuchMethod {
        std::string allow;  ///< for the Allow header: "GET, HEAD, POST"
    };
    /// The path is not acceptable at all: 400 with the reason.
    struct BadPath {
        Error error;
    };
    using Found = std::variant<Match, NoSuchPath, NoSuchMethod, BadPath>;

    static constexpr std::size_t segments_max = 32;

    Router();
    ~Router();
    Router(Router&&) noexcept;
    Router& operator=(Router&&) noexcept;

    /// Refuses a malformed pattern, a second route for the same method and path, and two names for
    /// the same place.
    Result<> add(Method method, std::string_view pattern, RouteId route);
    /// `path` as sent, without the query. HEAD finds the route of GET unless it has its own.
    /// Segments are decoded strictly: valid UTF-8, no control characters, no slash or backslash
    /// in disguise, no "." or "..".
    Found find(Method method, std::string_view path) const;

  private:
    struct Node;
    std::unique_ptr<Node> root_;
};

/// The answer for what was not found: 404, 405 with Allow, or 400.
Response make_response_for(const Router::NoSuchPath&);
Response make_response_for(const Router::NoSuchMethod& missing);
Response make_response_for(const Router::BadPath& bad);

/// The decoded pairs of a query string, in order.
class Query {
  public:
    static constexpr std::size_t pairs_max = 64;

    struct Pair {
        std::string name;
        std::string value;
    };
    /// Reads "a=1&b=%20": percent-encoding and '+', valid UTF-8, no control characters; refuses
    /// a name given twice and more than `pairs_max` pairs.
    static Result<Query> parse(std::string_view text);
    const std::string* find(std::string_view name) const;
    const std::vector<Pair>& pairs() const { return pairs_; }

  private:
    std::vector<Pair> pairs_;
};

}  // namespace blotter::http
