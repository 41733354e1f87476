#include "store/tables/envelope_ids.hpp"

namespace blotter::store {
namespace {

constexpr sql::Query envelope_id{"envelope.id_by_no", "SELECT id FROM envelope WHERE no = ?1"};

}  // namespace

Result<std::optional<EnvelopeId>> load_envelope_id(sql::Connection& db, std::int64_t no) {
    return sql::one(
        db, envelope_id, [](const sql::Statement& s) { return sql::id_at<EnvelopeId>(s, 0); }, no);
}

}  // namespace blotter::store
