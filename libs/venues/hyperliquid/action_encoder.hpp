#pragma once

#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/actions.hpp"

#include <string>

/// One walk over an action in the venue's canonical order, for both writers of action_writers.hpp:
/// what is hashed and what is sent cannot differ. Source: hyperliquid.md section 5.
namespace perpwire::hyperliquid {

template <class Writer>
class ActionEncoder {
 public:
  explicit ActionEncoder(Writer& out) : out_(out) {}

  void operator()(const OrderAction& action) {
    begin("order", action.builder ? 4 : 3);
    array("orders", action.orders, [this](const WireOrder& order) { encode(order); });
    out_.key("grouping");
    if (const auto* fee = std::get_if<PriorityFee>(&action.grouping)) {
      out_.begin_map(1);
      number("p", fee->rate);
      out_.end_map();
    } else {
      out_.text(word(std::get<Grouping>(action.grouping)));
    }
    if (action.builder) {
      out_.key("builder");
      out_.begin_map(2);
      text("b", action.builder->address.to_string());
      number("f", action.builder->fee_tenths_of_bp);
      out_.end_map();
    }
    out_.end_map();
  }

  void operator()(const CancelAction& action) {
    begin("cancel", action.fast ? 3 : 2);
    array("cancels", action.cancels, [this](const WireCancel& cancel) {
      out_.begin_map(2);
      number("a", cancel.asset);
      number("o", cancel.order_id);
      out_.end_map();
    });
    end_with_flag("f", action.fast);
  }

  void operator()(const CancelByCloidAction& action) {
    begin("cancelByCloid", action.fast ? 3 : 2);
    array("cancels", action.cancels, [this](const WireCancelByCloid& cancel) {
      out_.begin_map(2);
      number("asset", cancel.asset);
      text("cloid", cancel.cloid.to_string());
      out_.end_map();
    });
    end_with_flag("f", action.fast);
  }

  void operator()(const ModifyAction& action) {
    begin("modify", action.always_place ? 4 : 3);
    members(action.modify);
    end_with_flag("a", action.always_place);
  }

  void operator()(const BatchModifyAction& action) {
    begin("batchModify", action.always_place ? 3 : 2);
    array("modifies", action.modifies, [this](const WireModify& modify) {
      out_.begin_map(2);
      members(modify);
      out_.end_map();
    });
    end_with_flag("a", action.always_place);
  }

  void operator()(const ScheduleCancelAction& action) {
    begin("scheduleCancel", action.time_ms ? 2 : 1);
    if (action.time_ms) {
      number("time", *action.time_ms);
    }
    out_.end_map();
  }

  void operator()(const UpdateLeverageAction& action) {
    begin("updateLeverage", 4);
    number("asset", action.asset);
    flag("isCross", action.is_cross);
    number("leverage", action.leverage);
    out_.end_map();
  }

  void operator()(const UpdateIsolatedMarginAction& action) {
    begin("updateIsolatedMargin", 4);
    number("asset", action.asset);
    flag("isBuy", action.is_buy);
    out_.key("ntli");
    out_.signed_number(action.usd_micros);
    out_.end_map();
  }

  void operator()(const TwapOrderAction& action) {
    begin("twapOrder", action.details ? 3 : 2);
    out_.key("twap");
    out_.begin_map(6);
    number("a", action.asset);
    flag("b", action.is_buy);
    decimal("s", action.quantity.value());
    flag("r", action.reduce_only);
    number("m", action.minutes);
    flag("t", action.randomize);
    out_.end_map();
    if (action.details) {
      encode(*action.details);
    }
    out_.end_map();
  }

  void operator()(const TwapCancelAction& action) {
    begin("twapCancel", 3);
    number("a", action.asset);
    number("t", action.twap_id);
    out_.end_map();
  }

  void operator()(const NoopAction&) {
    begin("noop", 1);
    out_.end_map();
  }

 private:
  static std::string_view word(Grouping grouping) {
    switch (grouping) {
      case Grouping::kNone:
        return "na";
      case Grouping::kNormalTpsl:
        return "normalTpsl";
      case Grouping::kPositionTpsl:
        return "positionTpsl";
    }
    return "na";
  }
  static std::string_view word(WireTif tif) {
    switch (tif) {
      case WireTif::kGtc:
        return "Gtc";
      case WireTif::kIoc:
        return "Ioc";
      case WireTif::kAlo:
        return "Alo";
      case WireTif::kFrontendMarket:
        return "FrontendMarket";
    }
    return "Gtc";
  }

  void begin(std::string_view type, std::size_t entries) {
    out_.begin_map(entries);
    text("type", type);
  }
  void text(std::string_view name, std::string_view value) {
    out_.key(name);
    out_.text(value);
  }
  void number(std::string_view name, std::uint64_t value) {
    out_.key(name);
    out_.unsigned_number(value);
  }
  void flag(std::string_view name, bool value) {
    out_.key(name);
    out_.boolean(value);
  }
  void decimal(std::string_view name, const Decimal& value) {
    out_.key(name);
    decimal(value);
  }
  void decimal(const Decimal& value) {
    PW_ASSERT(!value.is_negative() && value.decimals() <= 8);  // check_encodable was called
    digits_.clear();
    value.append_plain(digits_);
    out_.text(digits_);
  }
  template <class Elements, class Encode>
  void array(std::string_view name, const Elements& elements, Encode encode) {
    out_.key(name);
    out_.begin_array(elements.size());
    for (const auto& element : elements) {
      out_.element();
      encode(element);
    }
    out_.end_array();
  }
  void end_with_flag(std::string_view name, bool value) {
    if (value) {
      flag(name, true);
    }
    out_.end_map();
  }

  void encode(const WireOrder& order) {
    out_.begin_map(order.cloid ? 7 : 6);
    number("a", order.asset);
    flag("b", order.is_buy);
    decimal("p", order.price.value());
    decimal("s", order.quantity.value());
    flag("r", order.reduce_only);
    out_.key("t");
    out_.begin_map(1);
    if (const auto* limit = std::get_if<LimitType>(&order.type)) {
      out_.key("limit");
      out_.begin_map(1);
      text("tif", word(limit->tif));
    } else {
      const auto& trigger = std::get<TriggerType>(order.type);
      out_.key("trigger");
      out_.begin_map(3);
      flag("isMarket", trigger.is_market);
      decimal("triggerPx", trigger.trigger_price.value());
      text("tpsl", trigger.tpsl == TpSl::kTakeProfit ? "tp" : "sl");
    }
    out_.end_map();
    out_.end_map();
    if (order.cloid) {
      text("c", order.cloid->to_string());
    }
    out_.end_map();
  }

  void members(const WireModify& modify) {
    out_.key("oid");
    if (const auto* cloid = std::get_if<Cloid>(&modify.order_id)) {
      out_.text(cloid->to_string());
    } else {
      out_.unsigned_number(std::get<std::uint64_t>(modify.order_id));
    }
    out_.key("order");
    encode(modify.order);
  }

  void encode(const TwapDetails& details) {
    out_.key("details");
    out_.begin_map(2);
    out_.key("t");
    if (details.activation) {
      out_.begin_map(2);
      decimal("p", details.activation->price.value());
      flag("a", details.activation->above);
      out_.end_map();
    } else {
      out_.nil();
    }
    out_.key("s");
    if (details.stop_price) {
      decimal(details.stop_price->value());
    } else {
      out_.nil();
    }
    out_.end_map();
  }

  Writer& out_;
  std::string digits_;
};

}  // namespace perpwire::hyperliquid
