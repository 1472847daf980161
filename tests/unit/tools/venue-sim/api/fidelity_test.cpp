// What the simulator emits has the keys and the JSON types of what the venue was recorded to emit.
#include "tests/unit/tools/venue-sim/api/client.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

namespace perpwire::sim::testing {
namespace {

struct Recorded {
  std::string group;
  std::string name;
  Document message;  // frame or response
};

std::vector<Recorded> recorded(const std::string& file) {
  std::ifstream in(std::string(PERPWIRE_SOURCE_DIR) + "/tests/fixtures/hyperliquid/" + file);
  EXPECT_TRUE(in.good()) << file;
  std::vector<Recorded> result;
  std::string line;
  while (std::getline(in, line)) {
    const auto row = Document::parse(line);
    result.push_back(
        {row.at("group"), row.at("name"), row.contains("frame") ? row["frame"] : row["response"]});
  }
  return result;
}

Document find(const std::string& file, const std::string& name) {
  for (const auto& row : recorded(file)) {
    if (row.name == name) {
      return row.message;
    }
  }
  ADD_FAILURE() << "no recording " << name << " in " << file;
  return {};
}

// "-12.5": the venue's numbers in strings have at least one digit after the point.
bool is_number_text(std::string text) {
  if (text.starts_with('-')) {
    text.erase(0, 1);
  }
  const auto point = text.find('.');
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return point != std::string::npos && point > 0 && point + 1 < text.size() &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(point), is_digit) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(point) + 1, text.end(), is_digit);
}

std::string kind_of(const Document& value) {
  if (value.is_string()) {
    return is_number_text(value.get<std::string>()) ? "number text" : "text";
  }
  if (value.is_number_integer()) {
    return "integer";
  }
  return value.type_name();
}

// Lists are compared by their first elements. `optional` keys may be missing on either side, null
// stands for anything.
void same_shape(const Document& theirs, const Document& ours, const std::set<std::string>& optional,
                const std::string& path) {
  if (theirs.is_null() || ours.is_null()) {
    return;
  }
  ASSERT_EQ(kind_of(theirs), kind_of(ours)) << path << ": " << theirs << " / " << ours;
  if (theirs.is_array()) {
    const std::string name = path.substr(path.rfind('.') + 1);
    EXPECT_TRUE(theirs.empty() || !ours.empty() || optional.contains(name))
        << path << " is empty in ours";
    if (!theirs.empty() && !ours.empty()) {
      same_shape(theirs[0], ours[0], optional, path + "[]");
      if (theirs.size() == 2 && ours.size() == 2) {
        same_shape(theirs[1], ours[1], optional, path + "[1]");
      }
    }
    return;
  }
  if (!theirs.is_object()) {
    return;
  }
  for (const auto& [key, value] : theirs.items()) {
    if (ours.contains(key)) {
      same_shape(value, ours[key], optional, path + "." + key);
    } else {
      EXPECT_TRUE(optional.contains(key)) << path << "." << key << " is missing in ours";
    }
  }
  for (const auto& [key, value] : ours.items()) {
    EXPECT_TRUE(theirs.contains(key) || optional.contains(key))
        << path << "." << key << " is not in the recording";
  }
}

// A client with something of everything: a position, resting orders, fills, a cloid.
class Fidelity : public ::testing::Test {
 protected:
  Fidelity() {
    ws = client.connect();
    client.frames();
    client.act(Client::order("98200", "0.3", true, hl::WireTif::kIoc));
    client.act(Client::order("97000", "0.01"));
    client.act(Client::order("50", "0.01", true, hl::WireTif::kIoc, 5));  // rejected
  }
  Document info(const char* type, Document fields = Document::object()) {
    fields["type"] = type;
    return client.info(fields);
  }
  Document of_user(const char* type) { return info(type, {{"user", client.user()}}); }

  Client client;
  ConnectionId ws = 0;
};

TEST_F(Fidelity, MarketAnswers) {
  const std::string file = "rest_market_messages.jsonl";
  same_shape(find(file, "Meta_WithDex#0"), info("meta"),
             {"isDelisted", "onlyIsolated", "marginMode"}, "meta");
  same_shape(find(file, "MetaAndAssetCtxs#4"), info("metaAndAssetCtxs", {{"dex", "flx"}}),
             {"growthMode", "lastGrowthModeChangeTime"}, "metaAndAssetCtxs");
  same_shape(find(file, "SpotMetaAndAssetCtxs#2"), info("spotMetaAndAssetCtxs"), {},
             "spotMetaAndAssetCtxs");
  same_shape(find(file, "PerpDexs#0")[1], info("perpDexs")[1],
             {"assetToFundingInterestRate", "subDeployers"}, "perpDexs");
  same_shape(find(file, "GetOrderBook"), info("l2Book", {{"coin", "@107"}}), {}, "l2Book");
  same_shape(
      find(file, "GetKlines"),
      info("candleSnapshot", {{"req", {{"coin", "BTC"}, {"interval", "1m"}, {"startTime", 0}}}}),
      {}, "candleSnapshot");
  const auto mids = info("allMids");
  for (const auto& [coin, mid] : mids.items()) {
    EXPECT_EQ(kind_of(mid), "number text") << coin;
  }
}

TEST_F(Fidelity, AccountAnswers) {
  const std::string file = "account_messages.jsonl";
  // 2023: time and cumFunding, maxLeverage were added, maxTradeSzs was taken out.
  same_shape(find(file, "test_get_user_state#0"), of_user("clearinghouseState"),
             {"maxTradeSzs", "cumFunding", "maxLeverage", "crossMaintenanceMarginUsed", "time"},
             "clearinghouseState");
  same_shape(find(file, "UserState_WithDex#1"), of_user("clearinghouseState"), {},
             "clearinghouseState");
  same_shape(find(file, "SpotUserState#2"), of_user("spotClearinghouseState"), {},
             "spotClearinghouseState");
  same_shape(find(file, "GetOpenOrdersExtended"), of_user("frontendOpenOrders"), {},
             "frontendOpenOrders");
  same_shape(find(file, "test_get_open_orders#0"), of_user("openOrders"), {"origSz"}, "openOrders");
  same_shape(find(file, "test_historical_orders#0"), of_user("historicalOrders"), {},
             "historicalOrders");
  same_shape(find(file, "UserFillsByTime#2"),
             info("userFillsByTime", {{"user", client.user()}, {"startTime", 0}}), {},
             "userFillsByTime");
  same_shape(find(file, "test_get_user_fills#0"), of_user("userFills"),
             {"tid", "feeToken", "twapId"}, "userFills");
  same_shape(find(file, "test_user_rate_limit#0"), of_user("userRateLimit"), {"nRequestsSurplus"},
             "userRateLimit");
  const auto fills = of_user("userFills");
  same_shape(find(file, "QueryOrderByOid#7"),
             info("orderStatus", {{"user", client.user()}, {"oid", fills[0]["oid"]}}), {},
             "orderStatus");
  EXPECT_EQ(find(file, "QueryOrderByOid#0"),
            info("orderStatus", {{"user", client.user()}, {"oid", 141622259364}}));
}

TEST_F(Fidelity, HistoriesAndLimits) {
  const std::string file = "account_history_messages.jsonl";
  client.command("/funding/pay", Document::object());
  same_shape(find(file, "GetFundingHistory"), of_user("userFunding"), {}, "userFunding");
  same_shape(find(file, "test_user_funding_history_with_end_time#0"), of_user("userFunding"), {},
             "userFunding");
  same_shape(find(file, "test_get_funding_history[1684811870000]#1"),
             info("fundingHistory", {{"coin", "BTC"}, {"startTime", 0}}), {}, "fundingHistory");
  same_shape(find(file, "test_user_non_funding_ledger_updates_without_end_time#0"),
             of_user("userNonFundingLedgerUpdates"), {}, "ledger");
  same_shape(find(file, "UserActiveAssetData#2"),
             info("activeAssetData", {{"user", client.user()}, {"coin", "HYPE"}}), {},
             "activeAssetData");
  same_shape(find(file, "PerpDexLimits#0"), info("perpDexLimits", {{"dex", "flx"}}), {},
             "perpDexLimits");
  same_shape(find(file, "PerpDexStatus_WithDex#0"), info("perpDexStatus", {{"dex", "flx"}}), {},
             "perpDexStatus");
  same_shape(find(file, "test_user_role#0"), of_user("userRole"), {}, "userRole");
}

TEST_F(Fidelity, ExchangeAnswers) {
  const std::string file = "account_messages.jsonl";
  same_shape(find(file, "Cancel_Success#0"), client.act(Client::order("97001", "0.01")).json(), {},
             "order");
  hl::CancelByCloidAction cancel;
  cancel.cancels.push_back({173, hl::Cloid::parse("0x0000000000000000000000000000fe54").value()});
  const auto recorded_cancel = find(file, "CancelByCloid_NonExistent#0");
  EXPECT_EQ(client.act(cancel).json(), recorded_cancel);
  hl::Action unsigned_action = Client::order("97001", "0.01");
  auto body = Document::parse(client.signed_body(unsigned_action));
  body["nonce"] = 5;
  same_shape(find(file, "Orders_Cloid#0"), client.http("/exchange", body.dump()).json(), {}, "err");
}

TEST_F(Fidelity, Frames) {
  const std::string file = "ws_messages.jsonl";
  client.subscribe(ws, {{"type", "allMids"}});
  same_shape(find(file, "Prices:update"), client.frames("allMids").at(0),
             {"0G", "2Z", "BTC", "ETH", "ATOM", "MATIC", "DYDX", "SOL", "AVAX", "BNB", "DOGE",
              "HYPE", "kPEPE", "PURR/USDC", "@107"},
             "allMids");
  client.subscribe(ws, {{"type", "candle"}, {"coin", "BTC"}, {"interval", "1d"}});
  same_shape(find(file, "Klines:update"), client.frames("candle").at(0), {}, "candle");
  client.subscribe(ws, {{"type", "orderUpdates"}, {"user", client.user()}});
  client.subscribe(ws, {{"type", "userEvents"}, {"user", client.user()}});
  client.act(Client::order("96000", "0.01"));
  same_shape(find(file, "Order:update"), client.frames("orderUpdates").at(0), {}, "orderUpdates");
  client.act(Client::order("36", "0.5", true, hl::WireTif::kIoc, 10'107));
  same_shape(find("ws_messages.jsonl", "UserEventTrade:update"), client.frames("user").at(0), {},
             "user");
}

TEST_F(Fidelity, SubscriptionAcknowledgements) {
  for (const auto& row : recorded("ws_messages.jsonl")) {
    if (row.group != "subscribe") {
      continue;
    }
    Document subscription = row.message["data"]["subscription"];
    Document asked = {{"type", subscription["type"]}};
    Document expected = row.message;
    if (subscription.contains("user")) {  // replaced by the source
      asked["user"] = client.user();
      expected["data"]["subscription"]["user"] = client.user();
    } else {
      asked["coin"] = subscription["coin"];
    }
    const auto other = client.connect();
    client.frames();
    client.subscribe(other, asked);
    EXPECT_EQ(client.frames("subscriptionResponse").at(0), expected) << row.name;
    client.api().on_closed(other);
  }
}

// Further recordings stand beside the repository where their licence keeps them out of it.
TEST_F(Fidelity, AllDexsAssetCtxsAndLiquidationFills) {
  const char* shared = std::getenv("PERPWIRE_SHARED");
  std::ifstream in(shared != nullptr
                       ? std::string(shared) + "/fixtures/hyperliquid/ws_messages.jsonl"
                       : std::string(PERPWIRE_SOURCE_DIR) +
                             "/../shared/fixtures/hyperliquid/ws_messages.jsonl");
  if (!in.good()) {
    GTEST_SKIP() << "the further recordings are not here (set PERPWIRE_SHARED)";
  }
  client.subscribe(ws, {{"type", "allDexsAssetCtxs"}});
  const auto ours = client.frames("allDexsAssetCtxs").at(0);
  client.subscribe(ws, {{"type", "userEvents"}, {"user", client.user()}});
  client.act(Client::order("98100", "15", true));
  client.frames();
  client.command("/price", {{"coin", "BTC"}, {"price", "60000"}});
  Document liquidation;
  for (const auto& frame : client.frames("user")) {
    for (const auto& fill : frame["data"].value("fills", Document::array())) {
      if (fill.contains("liquidation")) {
        liquidation = {{"channel", "user"}, {"data", {{"fills", Document::array({fill})}}}};
      }
    }
  }
  ASSERT_TRUE(liquidation.is_object()) << "nobody was liquidated";
  std::string line;
  int checked = 0;
  while (std::getline(in, line)) {
    const auto row = Document::parse(line);
    if (row["name"] == "ws_all_dexs_asset_ctxs") {
      same_shape(row["frame"], ours, {}, "allDexsAssetCtxs");
      ++checked;
    } else if (row["name"] == "ws_user_fill_liquidation") {
      same_shape(row["frame"], liquidation, {"cloid"}, "liquidation");
      ++checked;
    }
  }
  EXPECT_EQ(checked, 2);
}

}  // namespace
}  // namespace perpwire::sim::testing
