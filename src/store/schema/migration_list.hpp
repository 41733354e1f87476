#pragma once

#include <string_view>

/// The scripts, one source file each. Included by schema.cpp only.
namespace blotter::store::schema {

extern const std::string_view migration_0001;
extern const std::string_view migration_0002;
extern const std::string_view migration_0003;
extern const std::string_view migration_0004;
extern const std::string_view migration_0005;
extern const std::string_view migration_0006;
extern const std::string_view migration_0007;
extern const std::string_view migration_0008;
extern const std::string_view migration_0009;
extern const std::string_view migration_0010;
extern const std::string_view migration_0011;

}  // namespace blotter::store::schema
