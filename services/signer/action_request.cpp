#include "services/signer/action_request.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"
#include "perpwire/v1/signing.pb.h"

#include <fmt/format.h>

#include <optional>
#include <string>

namespace perpwire::signer {
namespace {

namespace hl = hyperliquid;

tl::unexpected<Error> invalid(std::string_view field, std::string_view text) {
  return fail(ErrorCode::kInvalidCommand, fmt::format("{}: {}", field, text));
}

/// Keeps the first error, so that reading stays a list of fields.
class Reader {
 public:
  explicit Reader(ActionRequest& out) : out_(out) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  std::uint64_t asset(std::uint64_t number, const std::string& pair, std::string_view where) {
    if (pair.empty()) {
      add(where, "trading_pair is required beside the asset number");
    }
    out_.assets.push_back({TradingPair{pair}, number});
    return number;
  }

  Decimal decimal(bool present, const v1::Decimal& value, std::string_view field) {
    if (!present) {
      add(field, "is required");
      return {};
    }
    const auto number = to_decimal(value);
    if (!number) {
      add(field, number.error().text);
      return {};
    }
    return *number;
  }

  hl::Cloid cloid(const std::string& text, std::string_view field) {
    const auto read = hl::Cloid::parse(text);
    if (!read) {
      add(field, read.error().text);
      return {};
    }
    return *read;
  }

  hl::WireOrder order(const v1::WireOrder& from, const std::string& where) {
    hl::WireOrder order;
    order.asset = asset(from.asset(), from.trading_pair(), where);
    order.is_buy = from.is_buy();
    order.price = Price{decimal(from.has_price(), from.price(), where + ".price")};
    order.quantity = Quantity{decimal(from.has_quantity(), from.quantity(), where + ".quantity")};
    order.reduce_only = from.reduce_only();
    if (from.has_trigger()) {
      order.type = trigger(from, where);
    } else {
      order.type = hl::LimitType{time_in_force(from.time_in_force(), where)};
    }
    if (!from.cloid().empty()) {
      order.cloid = cloid(from.cloid(), where + ".cloid");
    }
    return order;
  }

  hl::WireModify modify(const v1::WireModify& from, const std::string& where) {
    hl::WireModify modify;
    if (from.has_venue_order_id() == !from.cloid().empty()) {
      add(where, "expected either venue_order_id or cloid");
    } else if (from.has_venue_order_id()) {
      modify.order_id = from.venue_order_id();
    } else {
      modify.order_id = cloid(from.cloid(), where + ".cloid");
    }
    modify.order = order(from.order(), where + ".order");
    return modify;
  }

  /// A batch of 1 to 200: more is refused whole by the venue.
  void batch(int size, std::string_view field) {
    if (size < 1 || static_cast<std::uint32_t>(size) > hl::kMaxActionWeight) {
      add(field, fmt::format("expected 1 to {} elements, found {}", hl::kMaxActionWeight, size));
    }
  }

  void add(std::string_view field, std::string_view text) {
    if (!error_) {
      error_ = invalid(field, text).value();
    }
  }

 private:
  hl::WireTif time_in_force(const std::string& word, const std::string& where) {
    if (word == "GTC") {
      return hl::WireTif::kGtc;
    }
    if (word == "IOC") {
      return hl::WireTif::kIoc;
    }
    if (word != "ALO") {
      add(where + ".time_in_force",
          fmt::format("expected GTC, IOC or ALO, found \"{}\"", word.substr(0, 40)));
    }
    return hl::WireTif::kAlo;
  }

  hl::TriggerType trigger(const v1::WireOrder& from, const std::string& where) {
    hl::TriggerType type;
    type.is_market = from.trigger().is_market();
    type.trigger_price =
        Price{decimal(from.trigger().has_trigger_price(), from.trigger().trigger_price(),
                      where + ".trigger.trigger_price")};
    const auto& kind = from.trigger().kind();
    if (kind != "tp" && kind != "sl") {
      add(where + ".trigger.kind",
          fmt::format("expected tp or sl, found \"{}\"", kind.substr(0, 40)));
    }
    type.tpsl = kind == "tp" ? hl::TpSl::kTakeProfit : hl::TpSl::kStopLoss;
    if (!from.time_in_force().empty()) {
      add(where + ".time_in_force", "a trigger order has none");
    }
    return type;
  }

  ActionRequest& out_;
  std::optional<Error> error_;
};

std::string element(std::string_view list, int index) { return fmt::format("{}[{}]", list, index); }

hl::Action read(const v1::OrderAction& from, Reader& reader) {
  hl::OrderAction action;
  reader.batch(from.orders_size(), "order.orders");
  for (int i = 0; i < from.orders_size(); ++i) {
    action.orders.push_back(reader.order(from.orders(i), element("order.orders", i)));
  }
  const auto& grouping = from.grouping();
  if (grouping == "normalTpsl") {
    action.grouping = hl::Grouping::kNormalTpsl;
  } else if (grouping == "positionTpsl") {
    action.grouping = hl::Grouping::kPositionTpsl;
  } else if (!grouping.empty() && grouping != "na") {
    reader.add("order.grouping",
               fmt::format("expected na, normalTpsl or positionTpsl, found \"{}\"",
                           grouping.substr(0, 40)));
  }
  return action;
}

hl::Action read(const v1::CancelAction& from, Reader& reader) {
  hl::CancelAction action{{}, from.fast()};
  reader.batch(from.cancels_size(), "cancel.cancels");
  for (int i = 0; i < from.cancels_size(); ++i) {
    const auto& cancel = from.cancels(i);
    action.cancels.push_back(
        {reader.asset(cancel.asset(), cancel.trading_pair(), element("cancel.cancels", i)),
         cancel.venue_order_id()});
  }
  return action;
}

hl::Action read(const v1::CancelByCloidAction& from, Reader& reader) {
  hl::CancelByCloidAction action{{}, from.fast()};
  reader.batch(from.cancels_size(), "cancel_by_cloid.cancels");
  for (int i = 0; i < from.cancels_size(); ++i) {
    const auto& cancel = from.cancels(i);
    const auto where = element("cancel_by_cloid.cancels", i);
    action.cancels.push_back({reader.asset(cancel.asset(), cancel.trading_pair(), where),
                              reader.cloid(cancel.cloid(), where + ".cloid")});
  }
  return action;
}

hl::Action read(const v1::BatchModifyAction& from, Reader& reader) {
  hl::BatchModifyAction action;
  reader.batch(from.modifies_size(), "batch_modify.modifies");
  for (int i = 0; i < from.modifies_size(); ++i) {
    action.modifies.push_back(reader.modify(from.modifies(i), element("batch_modify.modifies", i)));
  }
  return action;
}

hl::Action read(const v1::UpdateLeverageAction& from, Reader& reader) {
  return hl::UpdateLeverageAction{
      reader.asset(from.asset(), from.trading_pair(), "update_leverage"), from.is_cross(),
      from.leverage()};
}

hl::Action read(const v1::UpdateIsolatedMarginAction& from, Reader& reader) {
  return hl::UpdateIsolatedMarginAction{
      reader.asset(from.asset(), from.trading_pair(), "update_isolated_margin"), from.is_buy(),
      from.usd_micros()};
}

hl::Action read(const v1::TwapOrderAction& from, Reader& reader) {
  hl::TwapOrderAction action;
  action.asset = reader.asset(from.asset(), from.trading_pair(), "twap_order");
  action.is_buy = from.is_buy();
  action.quantity =
      Quantity{reader.decimal(from.has_quantity(), from.quantity(), "twap_order.quantity")};
  action.reduce_only = from.reduce_only();
  action.minutes = from.minutes();
  action.randomize = from.randomize();
  return action;
}

}  // namespace

Result<ActionRequest> read_action_request(const v1::SignRequest& request) {
  ActionRequest out;
  Reader reader{out};
  int actions = 0;
  const auto take = [&](bool present, auto make) {
    if (present) {
      ++actions;
      out.action = make();
    }
  };
  take(request.has_order(), [&] { return read(request.order(), reader); });
  take(request.has_cancel(), [&] { return read(request.cancel(), reader); });
  take(request.has_cancel_by_cloid(), [&] { return read(request.cancel_by_cloid(), reader); });
  take(request.has_modify(), [&]() -> hl::Action {
    return hl::ModifyAction{reader.modify(request.modify().modify(), "modify.modify"), false};
  });
  take(request.has_batch_modify(), [&] { return read(request.batch_modify(), reader); });
  take(request.has_schedule_cancel(), [&]() -> hl::Action {
    hl::ScheduleCancelAction action;
    if (request.schedule_cancel().has_time_ms()) {
      action.time_ms = request.schedule_cancel().time_ms();
    }
    return action;
  });
  take(request.has_update_leverage(), [&] { return read(request.update_leverage(), reader); });
  take(request.has_update_isolated_margin(),
       [&] { return read(request.update_isolated_margin(), reader); });
  take(request.has_twap_order(), [&] { return read(request.twap_order(), reader); });
  take(request.has_twap_cancel(), [&]() -> hl::Action {
    const auto& cancel = request.twap_cancel();
    return hl::TwapCancelAction{reader.asset(cancel.asset(), cancel.trading_pair(), "twap_cancel"),
                                cancel.twap_id()};
  });
  take(request.has_noop(), []() -> hl::Action { return hl::NoopAction{}; });
  if (actions != 1) {
    return invalid("sign", fmt::format("expected one action, found {}", actions));
  }
  if (reader.error()) {
    return tl::unexpected(*reader.error());
  }
  if (auto checked = hl::check_encodable(out.action); !checked) {
    return fail(ErrorCode::kInvalidCommand, checked.error().text);
  }
  return out;
}

}  // namespace perpwire::signer
