#pragma once

#include <memory>

#include "base/json.hpp"

namespace blotter::intake {

/// A compiled JSON Schema (draft 7). Immutable after `compile`; `check` may be called from several
/// threads at once.
class SchemaCheck {
  public:
    /// A schema from outside: bounded in size, without `pattern`, `patternProperties`, `format`
    /// (the library matches them with a backtracking engine), `$ref` and `uniqueItems`, so that
    /// what a check costs is bounded by the sizes of schema and document.
    static Result<SchemaCheck> compile(const json::Value& schema);

    SchemaCheck(SchemaCheck&&) noexcept;
    SchemaCheck& operator=(SchemaCheck&&) noexcept;
    ~SchemaCheck();

    /// Errc::quarantined with the first violation and its JSON Pointer below `pointer`.
    Result<> check(const json::Value& document, const std::string& pointer = {}) const;

  private:
    struct Impl;
    explicit SchemaCheck(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace blotter::intake
