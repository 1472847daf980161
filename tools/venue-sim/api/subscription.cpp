#include "tools/venue-sim/api/subscription.hpp"

#include "tools/venue-sim/api/json_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace perpwire::sim {
namespace {

struct Row {
  std::string_view type;
  Channel channel;
  bool has_user = false;
  bool has_coin = false;
  bool has_dex = false;
};

constexpr std::array kRows = {
    Row{"allMids", Channel::kAllMids, false, false, true},
    Row{"l2Book", Channel::kL2Book, false, true},
    Row{"bbo", Channel::kBbo, false, true},
    Row{"trades", Channel::kTrades, false, true},
    Row{"candle", Channel::kCandle, false, true},
    Row{"activeAssetCtx", Channel::kActiveAssetCtx, false, true},
    Row{"allDexsAssetCtxs", Channel::kAllDexsAssetCtxs},
    Row{"orderUpdates", Channel::kOrderUpdates, true},
    Row{"userEvents", Channel::kUserEvents, true},
    Row{"userFills", Channel::kUserFills, true},
    Row{"userFundings", Channel::kUserFundings, true},
    Row{"userNonFundingLedgerUpdates", Channel::kLedgerUpdates, true},
    Row{"userTwapSliceFills", Channel::kTwapSliceFills, true},
    Row{"userTwapHistory", Channel::kTwapHistory, true},
    Row{"userHistoricalOrders", Channel::kHistoricalOrders, true},
    Row{"openOrders", Channel::kOpenOrders, true, false, true},
    Row{"clearinghouseState", Channel::kClearinghouseState, true, false, true},
    Row{"allDexsClearinghouseState", Channel::kAllDexsClearinghouseState, true},
    Row{"spotState", Channel::kSpotState, true},
    Row{"activeAssetData", Channel::kActiveAssetData, true, true},
    Row{"twapStates", Channel::kTwapStates, true, false, true},
    Row{"webData3", Channel::kWebData3, true},
    Row{"notification", Channel::kNotification, true},
};

Json optional_json(const std::optional<int>& value) { return value ? Json(*value) : Json(nullptr); }

void read_shape(const JsonReader& in, Subscription& out, Json& echo) {
  if (const auto figures = in.optional_number("nSigFigs")) {
    if (*figures < 2 || *figures > 5) {
      throw BadRequest{};
    }
    out.shape.significant_figures = static_cast<int>(*figures);
  }
  if (const auto mantissa = in.optional_number("mantissa")) {
    if (out.shape.significant_figures != 5 || (*mantissa != 2 && *mantissa != 5)) {
      throw BadRequest{};
    }
    out.shape.mantissa = static_cast<int>(*mantissa);
  }
  echo["nSigFigs"] = optional_json(out.shape.significant_figures);
  echo["mantissa"] = optional_json(out.shape.mantissa);
  if (in.has("fast") && in.boolean("fast")) {
    out.shape.depth = 5;
    echo["fast"] = true;
  }
}

}  // namespace

bool is_user_channel(Channel channel) { return channel >= Channel::kOrderUpdates; }

std::optional<Subscription> parse_subscription(const Json& json, const Universe& universe) {
  try {
    const JsonReader in{json};
    const std::string type = in.text("type");
    const auto row = std::find_if(kRows.begin(), kRows.end(),
                                  [&](const Row& candidate) { return candidate.type == type; });
    if (row == kRows.end()) {
      return std::nullopt;
    }
    Subscription out;
    out.channel = row->channel;
    out.type = type;
    Json echo = Json::object();
    echo["type"] = type;
    if (row->has_user) {
      out.user = in.address("user").value();
      echo["user"] = out.user;
    }
    if (row->has_coin) {
      out.coin = in.text("coin");
      echo["coin"] = out.coin;
      if (const Market* market = universe.by_coin(out.coin)) {
        out.market = market->index;
        out.has_market = true;
      }
    }
    if (row->has_dex) {
      out.dex = in.text_or("dex", "");
      const auto index = universe.dex_index(out.dex);
      if (!index) {
        return std::nullopt;
      }
      out.dex_index = *index;
      if (row->has_user || in.has("dex")) {
        echo["dex"] = out.dex;
      }
    }
    if (out.channel == Channel::kL2Book) {
      read_shape(in, out, echo);
    } else if (out.channel == Channel::kCandle) {
      const auto interval = candle_interval(in.text("interval"));
      if (!interval) {
        return std::nullopt;
      }
      out.interval = *interval;
      echo["interval"] = kCandleIntervals[*interval];
    } else if (out.channel == Channel::kUserFills) {
      out.aggregate_by_time = in.has("aggregateByTime") && in.boolean("aggregateByTime");
      echo["aggregateByTime"] = out.aggregate_by_time;
    }
    out.normalised = echo.dump();
    return out;
  } catch (const BadRequest&) {
    return std::nullopt;
  }
}

}  // namespace perpwire::sim
