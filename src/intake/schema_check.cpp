#include "intake/schema_check.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <boost/json.hpp>
#include <fmt/format.h>

// Without this the library ends the program when a schema has a mistake.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "intake/quick_check.hpp"

namespace blotter::intake {

namespace bj = boost::json;

namespace {

constexpr std::size_t schema_bytes_max = 64 * 1024;

/// For checking only: bounds and types survive the way through a double, amounts are never read
/// from it.
bj::value to_boost(const json::Value& value, const bj::storage_ptr& memory) {
    if (const bool* b = value.as_bool()) return bj::value(*b, memory);
    if (const json::Number* n = value.as_number()) {
        if (const auto whole = value.as_int64()) return bj::value(*whole, memory);
        return bj::value(std::strtod(n->text.c_str(), nullptr), memory);
    }
    if (const std::string* s = value.as_string()) return bj::value(bj::string(*s, memory));
    if (const json::Array* a = value.as_array()) {
        bj::array out(memory);
        out.reserve(a->size());
        for (const json::Value& item : *a) out.push_back(to_boost(item, memory));
        return out;
    }
    if (const json::Object* o = value.as_object()) {
        bj::object out(memory);
        out.reserve(o->size());
        for (const json::Member& member : *o)
            out.emplace(member.name, to_boost(member.value, memory));
        return out;
    }
    return bj::value(nullptr, memory);
}

enum class Part : std::uint8_t {
    schema,  ///< members are keywords
    names,   ///< members are named by the document, each is a schema
};

bool is_banned(std::string_view keyword) {
    constexpr std::array<std::string_view, 5> banned{"pattern", "patternProperties", "format",
                                                     "$ref", "uniqueItems"};
    return std::ranges::find(banned, keyword) != banned.end();
}

bool holds_data(std::string_view keyword) {
    return keyword == "enum" || keyword == "const" || keyword == "default" || keyword == "examples";
}

Part part_under(std::string_view keyword) {
    const bool names =
        keyword == "properties" || keyword == "definitions" || keyword == "dependencies";
    return names ? Part::names : Part::schema;
}

/// Keywords that would fetch something, or whose cost the size of schema and document does not
/// bound: backtracking matchers, references (they can go in circles or double with each step), the
/// comparison of all items with all others.
Result<> refuse_keywords(const json::Value& value, Part part, const std::string& pointer) {
    if (const json::Array* items = value.as_array()) {
        for (std::size_t i = 0; i < items->size(); ++i)
            CHECK(refuse_keywords((*items)[i], Part::schema, fmt::format("{}/{}", pointer, i)));
        return {};
    }
    const json::Object* object = value.as_object();
    if (object == nullptr) return {};
    for (const json::Member& member : *object) {
        const std::string at = pointer + "/" + member.name;
        if (part == Part::names) {
            CHECK(refuse_keywords(member.value, Part::schema, at));
            continue;
        }
        if (is_banned(member.name))
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' is not supported in a schema here", member.name), at);
        if (!holds_data(member.name))
            CHECK(refuse_keywords(member.value, part_under(member.name), at));
    }
    return {};
}

std::string pointer_of(const std::vector<std::string>& context) {
    // The library says "<root>" and then "[name]" for each level.
    std::string out;
    for (std::size_t i = 1; i < context.size(); ++i) {
        std::string_view part = context[i];
        if (part.starts_with('[') && part.ends_with(']')) part = part.substr(1, part.size() - 2);
        out += '/';
        out += part;
    }
    return out;
}

}  // namespace

struct SchemaCheck::Impl {
    valijson::Schema schema;
    std::optional<QuickCheck> quick;
};

SchemaCheck::SchemaCheck(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SchemaCheck::SchemaCheck(SchemaCheck&&) noexcept = default;
SchemaCheck& SchemaCheck::operator=(SchemaCheck&&) noexcept = default;
SchemaCheck::~SchemaCheck() = default;

Result<SchemaCheck> SchemaCheck::compile(const json::Value& schema) {
    if (schema.as_object() == nullptr)
        return fail(Errc::invalid_argument, "a JSON Schema is an object");
    if (const auto bytes = json::to_text(schema).size(); bytes > schema_bytes_max)
        return fail(Errc::invalid_argument,
                    fmt::format("the schema has {} bytes, at most {} are accepted", bytes,
                                schema_bytes_max));
    CHECK(refuse_keywords(schema, Part::schema, ""));
    auto impl = std::make_unique<Impl>();
    // The library reports mistakes in a schema by throwing.
    try {
        const bj::value tree = to_boost(schema, {});
        valijson::adapters::BoostJsonAdapter adapter(tree);
        valijson::SchemaParser(valijson::SchemaParser::kDraft7)
            .populateSchema(adapter, impl->schema);
    } catch (const std::exception& mistake) {
        return fail(Errc::invalid_argument,
                    fmt::format("this is not a JSON Schema (draft 7): {}", mistake.what()));
    }
    impl->quick = QuickCheck::make(schema);
    return SchemaCheck{std::move(impl)};
}

Result<> SchemaCheck::check(const json::Value& document, const std::string& pointer) const {
    if (impl_->quick && impl_->quick->surely_meets(document)) return {};
    std::array<unsigned char, 4096> arena;
    bj::monotonic_resource memory(arena.data(), arena.size());
    const bj::value tree = to_boost(document, &memory);
    valijson::adapters::BoostJsonAdapter adapter(tree);
    // Without a results object the validator stops at the first violation: the fast way.
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    if (validator.validate(impl_->schema, adapter, nullptr)) return {};
    valijson::ValidationResults results;
    validator.validate(impl_->schema, adapter, &results);
    valijson::ValidationResults::Error first;
    valijson::ValidationResults::Error deepest;
    // The deepest complaint names the member; the others only say that something below is wrong.
    while (results.popError(first))
        if (first.context.size() > deepest.context.size()) deepest = first;
    return fail(Errc::quarantined,
                deepest.description.empty() ? "the document does not match its schema"
                                            : deepest.description,
                pointer + pointer_of(deepest.context));
}

}  // namespace blotter::intake
