#include "http/router.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "base/utf8.hpp"
#include "http/problem.hpp"

namespace blotter::http {
namespace {

constexpr std::size_t methods_count = 7;

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

enum class Plus : bool { literal, space };

/// Percent-decodes; nothing when a `%` is not followed by two hexadecimal digits.
std::optional<std::string> decode(std::string_view text, Plus plus) {
    if (text.find_first_of("%+") == std::string_view::npos) return std::string{text};
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus == Plus::space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
}

/// One segment of a path that came in.
Result<std::string> decode_segment(std::string_view raw) {
    auto text = decode(raw, Plus::literal);
    if (!text) return fail(Errc::malformed, "a % in the path is not followed by two hex digits");
    if (find_invalid_utf8(*text)) return fail(Errc::malformed, "the path is not valid UTF-8");
    if (has_control(*text)) return fail(Errc::malformed, "the path holds a control character");
    // An encoded slash would let one segment pass for two further on.
    if (text->contains('/') || text->contains('\\'))
        return fail(Errc::malformed, "a path segment holds a slash or a backslash");
    if (*text == "." || *text == "..")
        return fail(Errc::malformed, "the path holds a . or .. segment");
    return std::move(*text);
}

/// Nothing to decode and nothing to refuse.
bool is_plain(std::string_view segment) {
    return std::ranges::all_of(segment, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

/// What lies between the slashes of a path, without copies: every request is looked up.
class Segments {
  public:
    /// At most `Router::segments_max` of them.
    explicit Segments(std::string_view path) {
        while (!path.empty()) {
            path.remove_prefix(1);
            const std::size_t size = std::min(path.find('/'), path.size());
            segments_.at(count_++) = path.substr(0, size);
            path.remove_prefix(size);
        }
    }
    Segments(const Segments&) = delete;
    Segments& operator=(const Segments&) = delete;

    Result<> decode_all() {
        for (std::string_view& segment : std::span{segments_}.first(count_)) {
            if (is_plain(segment)) continue;
            decoded_.reserve(count_);  // views into it stay good
            TRY(auto text, decode_segment(segment));
            segment = decoded_.emplace_back(std::move(text));
        }
        return {};
    }
    std::span<const std::string_view> all() const { return std::span{segments_}.first(count_); }

  private:
    std::array<std::string_view, Router::segments_max> segments_;
    std::size_t count_ = 0;
    std::vector<std::string> decoded_;
};

}  // namespace

std::string_view PathParameters::get(std::string_view name) const {
    const auto found = std::ranges::find(values_, name, &Parameter::name);
    return found == values_.end() ? std::string_view{} : std::string_view{found->value};
}

struct Router::Node {
    struct Child {
        std::string segment;
        std::unique_ptr<Node> node;
    };
    std::vector<Child> fixed;  // sorted by segment
    std::string parameter_name;
    std::unique_ptr<Node> parameter;
    std::string rest_name;
    std::unique_ptr<Node> rest;  // a leaf
    std::array<std::optional<RouteId>, methods_count> routes;

    bool is_end() const {
        return std::ranges::any_of(routes, [](const auto& route) { return route.has_value(); });
    }
    Node* find_fixed(std::string_view segment) const {
        const auto at = std::ranges::lower_bound(fixed, segment, {}, &Child::segment);
        return at != fixed.end() && at->segment == segment ? at->node.get() : nullptr;
    }
    Node& make_fixed(std::string_view segment) {
        const auto at = std::ranges::lower_bound(fixed, segment, {}, &Child::segment);
        if (at != fixed.end() && at->segment == segment) return *at->node;
        return *fixed.insert(at, {std::string{segment}, std::make_unique<Node>()})->node;
    }

    /// The node of `segments[at…]`, with the segments that stand for parameters. A fixed segment
    /// that leads nowhere gives way to the parameter beside it.
    const Node* walk(std::span<const std::string_view> segments, std::size_t at,
                     std::vector<PathParameters::Parameter>& values) const {
        if (at == segments.size()) return is_end() ? this : nullptr;
        if (const Node* const next = find_fixed(segments[at]))
            if (const Node* const end = next->walk(segments, at + 1, values)) return end;
        if (segments[at].empty()) return nullptr;
        if (parameter) {
            values.push_back({parameter_name, std::string{segments[at]}});
            if (const Node* const end = parameter->walk(segments, at + 1, values)) return end;
            values.pop_back();
        }
        if (!rest) return nullptr;
        std::string joined{segments[at]};
        for (const std::string_view segment : segments.subspan(at + 1)) {
            if (segment.empty()) return nullptr;
            joined.append("/").append(segment);
        }
        values.push_back({rest_name, std::move(joined)});
        return rest.get();
    }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Result<> Router::add(Method method, std::string_view pattern, RouteId route) {
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::invalid_argument,
                    "the route " + std::string{pattern} + " " + std::string{why});
    };
    if (!pattern.starts_with('/')) return refuse("does not start with /");
    if (static_cast<std::size_t>(std::ranges::count(pattern, '/')) > segments_max)
        return refuse("has too many segments");
    const Segments split{pattern};
    const auto segments = split.all();
    Node* node = root_.get();
    for (std::size_t i = 0; i < segments.size(); ++i) {
        std::string_view segment = segments[i];
        if (!segment.starts_with('{') || !segment.ends_with('}') || segment.size() < 3) {
            if (segment.find_first_of("{}%") != std::string_view::npos)
                return refuse("holds a {, } or % outside of a {name}");
            node = &node->make_fixed(segment);
            continue;
        }
        segment = segment.substr(1, segment.size() - 2);
        const bool rest = segment.ends_with("...");
        if (rest) segment.remove_suffix(3);
        if (rest && i + 1 != segments.size()) return refuse("goes on after {name...}");
        if (!is_token(segment)) return refuse("has a parameter without a proper name");
        std::string& name = rest ? node->rest_name : node->parameter_name;
        std::unique_ptr<Node>& next = rest ? node->rest : node->parameter;
        if (!next) {
            name = segment;
            next = std::make_unique<Node>();
        }
        if (name != segment) return refuse("names a place that another route calls {" + name + "}");
        node = next.get();
    }
    auto& slot = node->routes[static_cast<std::size_t>(method)];
    if (slot) return refuse("exists already for " + std::string{to_text(method)});
    slot = route;
    return {};
}

Router::Found Router::find(Method method, std::string_view path) const {
    if (!path.starts_with('/')) return NoSuchPath{};
    if (static_cast<std::size_t>(std::ranges::count(path, '/')) > segments_max) return NoSuchPath{};
    Segments segments{path};
    if (auto decoded = segments.decode_all(); !decoded) return BadPath{std::move(decoded).error()};
    Match match{};
    const Node* const node = root_->walk(segments.all(), 0, match.parameters.values_);
    if (!node) return NoSuchPath{};
    const auto route_for = [&](Method m) { return node->routes[static_cast<std::size_t>(m)]; };
    auto route = route_for(method);
    if (!route && method == Method::head) route = route_for(Method::get);
    if (route) {
        match.route = *route;
        return match;
    }
    NoSuchMethod missing;
    for (std::size_t i = 0; i < methods_count; ++i) {
        const auto candidate = static_cast<Method>(i);
        const bool implied = candidate == Method::head && route_for(Method::get).has_value();
        if (!route_for(candidate) && !implied) continue;
        if (!missing.allow.empty()) missing.allow += ", ";
        missing.allow += to_text(candidate);
    }
    return missing;
}

Response make_response_for(const Router::NoSuchPath&) {
    return make_problem({Errc::not_found, "there is nothing at this address"});
}

Response make_response_for(const Router::NoSuchMethod& missing) {
    Response response =
        make_problem({Errc::method_not_allowed, "this address takes " + missing.allow});
    response.headers.add("allow", missing.allow);
    return response;
}

Response make_response_for(const Router::BadPath& bad) {
    return make_problem(bad.error);
}

Result<Query> Query::parse(std::string_view text) {
    Query query;
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (pair.empty()) continue;
        if (query.pairs_.size() == pairs_max)
            return fail(Errc::malformed, "the query has more than 64 parameters");
        const std::size_t equals = pair.find('=');
        auto name = decode(pair.substr(0, equals), Plus::space);
        auto value =
            decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1),
                   Plus::space);
        if (!name || !value)
            return fail(Errc::malformed, "a % in the query is not followed by two hex digits");
        if (find_invalid_utf8(*name) || find_invalid_utf8(*value))
            return fail(Errc::malformed, "the query is not valid UTF-8");
        if (has_control(*name) || has_control(*value))
            return fail(Errc::malformed, "the query holds a control character");
        if (query.find(*name))
            return fail(Errc::malformed, "the query parameter '" + *name + "' is given twice");
        query.pairs_.push_back({*std::move(name), *std::move(value)});
    }
    return query;
}

const std::string* Query::find(std::string_view name) const {
    const auto found = std::ranges::find(pairs_, name, &Pair::name);
    return found == pairs_.end() ? nullptr : &found->value;
}

}  // namespace blotter::http
