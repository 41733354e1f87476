#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/request_form.hpp"
#include "store/tables/common.hpp"

/// What the attempts of a destination have in common is kept once. Of an attempt its own bytes are
/// kept: of a webhook that was taken the signature. All of it for each attempt would be half of
/// what is written for an event with three receivers.
namespace blotter::store {

/// What attempts of one destination have in common. Immutable but for where it is kept, which only
/// the writer's thread knows.
struct AttemptForm {
    std::int64_t destination_no = 0;
    std::shared_ptr<const RequestForm> request;  ///< null when nothing was to be sent
    std::string address;
    std::string tls_version;
    std::string tls_cipher;
    std::string peer_certificate_sha256;

    /// As written by this process: 0 before that, and again when the transaction was lost.
    mutable std::int64_t no = 0;
    mutable Timestamp noted_at;
};
using AttemptFormPtr = std::shared_ptr<const AttemptForm>;

/// Makes sure that the form is in the store, as used at `now`. Gives its number.
Result<std::int64_t> keep_attempt_form(sql::Connection& db, const AttemptForm& form, Timestamp now);
/// Once in this time is often enough.
inline constexpr Duration attempt_form_noted_every = std::chrono::hours{24};

/// The detail of an attempt as it is stored: the number of its form, its own bytes, and JSON
/// members that no other attempt has (`rest`, an object, or nothing). Replaces `out`.
void pack_attempt(std::int64_t form_no, std::string_view own, std::string_view rest,
                  std::string& out);
/// The detail as JSON, whether it was packed or not. A form that is not kept any more is left out,
/// and what is damaged says so: neither must keep the rest from being shown, or erased.
Result<Bytes> unpack_attempt(sql::Connection& db, ByteView detail, const RequestForm::Place& place);

/// Deletes at most `limit` forms that were last used before a time. To be used when no attempt of
/// that time is kept any more.
Result<std::int64_t> purge_attempt_forms(sql::Connection& db, Timestamp before, std::size_t limit);

}  // namespace blotter::store
