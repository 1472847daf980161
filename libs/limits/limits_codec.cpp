#include "libs/limits/limits_codec.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/risk.pb.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

namespace perpwire::limits {
namespace {

Status read_wide(bool present, const v1::Decimal& from, std::string_view control,
                 std::optional<Notional>& out) {
  if (!present) return {};
  const auto value = to_wide_decimal(from);
  if (!value) {
    return fail(ErrorCode::kInvalidCommand, fmt::format("{}: {}", control, value.error().text));
  }
  out = Notional{*value};
  return {};
}

Status read(const v1::Limits& from, LimitEntry& out) {
  if (auto s = read_wide(from.has_max_order_notional(), from.max_order_notional(),
                         "max_order_notional", out.max_order_notional);
      !s) {
    return s;
  }
  if (auto s = read_wide(from.has_max_position_notional(), from.max_position_notional(),
                         "max_position_notional", out.max_position_notional);
      !s) {
    return s;
  }
  if (auto s = read_wide(from.has_max_daily_loss(), from.max_daily_loss(), "max_daily_loss",
                         out.max_daily_loss);
      !s) {
    return s;
  }
  if (from.has_max_position()) {
    const auto value = to_decimal(from.max_position());
    if (!value) {
      return fail(ErrorCode::kInvalidCommand, fmt::format("max_position: {}", value.error().text));
    }
    out.max_position = Quantity{*value};
  }
  if (from.has_max_open_orders()) out.max_open_orders = from.max_open_orders();
  if (from.has_price_collar_bps()) out.price_collar_bps = from.price_collar_bps();
  return {};
}

}  // namespace

void to_proto(const LimitEntry& entry, v1::Limits& out) {
  out.Clear();
  out.set_account(entry.account.value());
  out.set_trading_pair(entry.trading_pair.value());
  if (entry.max_order_notional) {
    set_decimal(*entry.max_order_notional, *out.mutable_max_order_notional());
  }
  if (entry.max_position) set_decimal(*entry.max_position, *out.mutable_max_position());
  if (entry.max_position_notional) {
    set_decimal(*entry.max_position_notional, *out.mutable_max_position_notional());
  }
  if (entry.max_open_orders) out.set_max_open_orders(*entry.max_open_orders);
  if (entry.price_collar_bps) out.set_price_collar_bps(*entry.price_collar_bps);
  if (entry.max_daily_loss) set_decimal(*entry.max_daily_loss, *out.mutable_max_daily_loss());
}

void to_proto(const LimitTable& table, google::protobuf::RepeatedPtrField<v1::Limits>& out) {
  out.Clear();
  for (const auto& entry : table.entries()) to_proto(entry, *out.Add());
}

Result<LimitEntry> from_proto(const v1::Limits& limits) {
  LimitEntry entry{.account = AccountName{limits.account()},
                   .trading_pair = TradingPair{limits.trading_pair()},
                   .max_order_notional = {},
                   .max_position = {},
                   .max_position_notional = {},
                   .max_open_orders = {},
                   .price_collar_bps = {},
                   .max_daily_loss = {}};
  if (auto status = read(limits, entry); !status) {
    return fail(status.error().code, fmt::format("limits of {} {}: {}", limits.account(),
                                                 limits.trading_pair(), status.error().text));
  }
  return entry;
}

Result<LimitTable> from_proto(const google::protobuf::RepeatedPtrField<v1::Limits>& limits) {
  std::vector<LimitEntry> entries;
  for (const auto& one : limits) {
    auto entry = from_proto(one);
    if (!entry) return tl::unexpected<Error>(std::move(entry.error()));
    entries.push_back(std::move(*entry));
  }
  return LimitTable::make(std::move(entries));
}

}  // namespace perpwire::limits
