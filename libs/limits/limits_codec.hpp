#pragma once

#include "libs/common/result.hpp"
#include "libs/limits/limit_table.hpp"

#include <vector>

namespace google::protobuf {
template <typename Element>
class RepeatedPtrField;
}
namespace perpwire::v1 {
class Limits;
class RiskLimits;
}  // namespace perpwire::v1

namespace perpwire::limits {

/// Between the table and the contract's messages (`set_limits`, `risk.<venue>.limits`).
void to_proto(const LimitEntry& entry, v1::Limits& out);
void to_proto(const LimitTable& table, google::protobuf::RepeatedPtrField<v1::Limits>& out);

/// Errors: kInvalidCommand as LimitTable::make, or a figure out of range; names account, pair and
/// control.
Result<LimitEntry> from_proto(const v1::Limits& limits);
Result<LimitTable> from_proto(const google::protobuf::RepeatedPtrField<v1::Limits>& limits);

}  // namespace perpwire::limits
