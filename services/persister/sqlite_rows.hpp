#pragma once

#include "libs/common/result.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "services/persister/sqlite.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace perpwire::persister {

/// Binds one row from left to right. Decimals become text in the contract's shortest form; the
/// texts live in `scratch` until the row is run.
class Row {
 public:
  Row(Statement& statement, std::deque<std::string>& scratch);

  Row& integer(std::int64_t value);
  Row& integer(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }
  /// 0 = not reached: null.
  Row& moment(std::int64_t value);
  Row& text(std::string_view value);
  Row& text_if(bool known, std::string_view value);
  Row& decimal(const v1::Decimal& value);
  Row& decimal_if(bool known, const v1::Decimal& value);
  Row& integer_if(bool known, std::int64_t value);

  /// kMalformed naming the number if a decimal was out of range; the row must then not be run.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Statement& statement_;
  std::deque<std::string>& scratch_;
  Status status_;
  int next_ = 1;
};

// The columns of each table, in the order of the statements below, which name them.
extern const std::string_view kInsertOrderEvent;
extern const std::string_view kUpsertOrder;
extern const std::string_view kInsertFill;
extern const std::string_view kUpsertPosition;
extern const std::string_view kUpsertBalance;

Status bind_order_event(Row& row, std::int64_t stream_id, const v1::Envelope& envelope);
Status bind_order(Row& row, std::int64_t stream_id, const v1::Envelope& envelope);
Status bind_fill(Row& row, std::int64_t stream_id, const v1::Envelope& envelope);
Status bind_position(Row& row, std::int64_t stream_id, const v1::Envelope& envelope);
Status bind_balance(Row& row, std::int64_t stream_id, const v1::Envelope& envelope);

}  // namespace perpwire::persister
