#pragma once

#include "libs/common/result.hpp"
#include "libs/limits/limit_table.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace perpwire::risk {

enum class LimitsOrigin { kFile, kOperator };

/// The limits in force, with the version that the gateway must hold too.
struct LimitsMemory {
  limits::LimitTable table;
  std::uint64_t version = 0;
  LimitsOrigin origin = LimitsOrigin::kFile;
};

/// Which limits a start begins with. Pure.
///
/// What an operator set at run time is durable and wins over the file; where the two differ, a
/// start is refused until `policy` ("refuse", "file", "durable") says which. A file that was edited
/// while nobody set anything at run time simply counts. Errors: kInvalidCommand listing every
/// figure that differs and naming the key to choose by.
Result<LimitsMemory> choose_limits(const std::optional<LimitsMemory>& durable,
                                   const limits::LimitTable& file, std::string_view policy);

/// An operator's change: each entry replaces the one of its account and pair; one without any
/// figure removes it. Errors: as LimitTable::make, or an entry to remove that does not exist.
Result<LimitsMemory> change_limits(const LimitsMemory& current,
                                   const std::vector<limits::LimitEntry>& entries);

}  // namespace perpwire::risk
