#pragma once

#include <string>
#include <vector>

#include "model/delivery.hpp"
#include "store/tables/attempt_forms.hpp"

namespace blotter::delivery {

/// The forms of the latest attempts of one destination, the one used last first: as many as it has
/// addresses and certificates, as a rule one. Loop thread only.
class AttemptForms {
  public:
    static constexpr std::size_t kept_max = 8;

    /// Finds the form of an attempt, or makes it.
    store::AttemptFormPtr find(const Attempt& attempt, std::int64_t destination_no);

  private:
    std::vector<store::AttemptFormPtr> kept_;
};

/// What is kept of an attempt beside its form, as JSON: an object, or nothing.
std::string rest_of(const Attempt& attempt);

}  // namespace blotter::delivery
