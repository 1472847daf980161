#include "libs/venues/hyperliquid/errors.hpp"

#include "libs/common/keccak.hpp"
#include "libs/venues/hyperliquid/cloid.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <gtest/gtest.h>

namespace perpwire::hyperliquid {
namespace {

struct Case {
  std::string_view name;
  std::string_view text;
  ErrorCode code;
  Verdict only_copy;
  Verdict second_copy;
};
class VenueErrors : public ::testing::TestWithParam<Case> {};

TEST_P(VenueErrors, ProveWhatTheTableSays) {
  const auto& row = GetParam();
  const auto only = meaning_of(row.text, Copies::kOnlyOne);
  const auto second = meaning_of(row.text, Copies::kMaybeMore);
  EXPECT_EQ(only.code, row.code);
  EXPECT_EQ(only.verdict, row.only_copy);
  EXPECT_EQ(second.verdict, row.second_copy);
  EXPECT_TRUE(only.recognised);
}

// Texts as recorded (hyperliquid.md section 6.3), with suffix and prefix where they occur.
INSTANTIATE_TEST_SUITE_P(
    Rows, VenueErrors,
    ::testing::Values(
        Case{"tick", "Price must be divisible by tick size. asset=3", ErrorCode::kPriceTick,
             Verdict::kRejected, Verdict::kRejected},
        Case{"alo", "Post only order would have immediately matched, bbo was 1@2. asset=110003",
             ErrorCode::kPostOnly, Verdict::kRejected, Verdict::kRejected},
        Case{"minimum", "Order must have minimum value of $10. asset=0", ErrorCode::kMinNotional,
             Verdict::kRejected, Verdict::kRejected},
        Case{"never_placed", "Order was never placed, already canceled, or filled. asset=0",
             ErrorCode::kOrderNotFound, Verdict::kRejected, Verdict::kRejected},
        Case{"congested", "L1 is congested. Action not sent to L1.", ErrorCode::kVenueUnavailable,
             Verdict::kNotExecuted, Verdict::kUnknown},
        Case{"too_low", "Invalid nonce: nonce too low 5 < 7", ErrorCode::kVenueRejected,
             Verdict::kNotExecuted, Verdict::kUnknown},
        Case{"duplicate", "Invalid nonce: duplicate nonce 1700000000000", ErrorCode::kVenueRejected,
             Verdict::kUnknown, Verdict::kUnknown},
        Case{"expired", "Action already expired", ErrorCode::kExpired, Verdict::kRejected,
             Verdict::kUnknown},
        Case{"address_limit",
             "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded "
             "$87457.46. Place taker orders to free up 1 request per USDC traded.",
             ErrorCode::kRateLimited, Verdict::kRejected, Verdict::kUnknown},
        Case{"no_wallet", "L1 error: User or API Wallet 0x4b6c does not exist.",
             ErrorCode::kVenueRejected, Verdict::kRejected, Verdict::kUnknown}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(VenueErrorTexts, UnknownOnesAreFinalForTheOnlyCopyAlone) {
  const auto only = meaning_of("Something new", Copies::kOnlyOne);
  EXPECT_EQ(only.verdict, Verdict::kRejected);
  EXPECT_FALSE(only.recognised);
  EXPECT_EQ(meaning_of("Something new", Copies::kMaybeMore).verdict, Verdict::kUnknown);
  EXPECT_EQ(meaning_of("", Copies::kMaybeMore).verdict, Verdict::kUnknown);
}

TEST(VenueErrorTexts, OnlyTheAssetSuffixIsCutOff) {
  EXPECT_EQ(bare_error("Order has zero size. asset=12"), "Order has zero size.");
  EXPECT_EQ(bare_error("about asset=12x"), "about asset=12x");
  EXPECT_EQ(bare_error("about asset="), "about asset=");
  EXPECT_EQ(bare_error(""), "");
}

TEST(VenueHttp, OnlyMalformedRequestsAreProvenDead) {
  EXPECT_EQ(meaning_of_http(422, Copies::kOnlyOne).verdict, Verdict::kNotExecuted);
  EXPECT_EQ(meaning_of_http(422, Copies::kMaybeMore).verdict, Verdict::kUnknown);
  for (const int status : {429, 500, 502, 503, 504, 599, 302, 0}) {
    EXPECT_EQ(meaning_of_http(status, Copies::kOnlyOne).verdict, Verdict::kUnknown) << status;
  }
  EXPECT_EQ(meaning_of_http(429, Copies::kOnlyOne).code, ErrorCode::kRateLimited);
}

TEST(VenueOrderStatuses, KnownWordsAndSuffixes) {
  EXPECT_EQ(order_status("open").state, VenueOrderState::kOpen);
  EXPECT_EQ(order_status("triggered").state, VenueOrderState::kTriggered);
  EXPECT_EQ(order_status("scheduledCancel").state, VenueOrderState::kCancelled);
  const auto margin = order_status("perpMarginRejected");
  EXPECT_EQ(margin.state, VenueOrderState::kRejected);
  EXPECT_EQ(margin.code, ErrorCode::kInsufficientMargin);
  EXPECT_TRUE(margin.known);
  const auto cancelled = order_status("somethingNewCanceled");
  EXPECT_EQ(cancelled.state, VenueOrderState::kCancelled);
  EXPECT_FALSE(cancelled.known);
  EXPECT_EQ(order_status("newCancel").state, VenueOrderState::kCancelled);
  EXPECT_EQ(order_status("newRejected").state, VenueOrderState::kRejected);
  EXPECT_EQ(order_status("mystery").state, VenueOrderState::kUnrecognised);
  EXPECT_EQ(order_status("").state, VenueOrderState::kUnrecognised);
}

TEST(RateLimits, WeightsOfTheDocumentation) {
  EXPECT_EQ(exchange_weight(0), 1U);
  EXPECT_EQ(exchange_weight(39), 1U);
  EXPECT_EQ(exchange_weight(40), 2U);
  EXPECT_EQ(exchange_weight(79), 2U);
  EXPECT_EQ(info_weight("l2Book"), 2U);
  EXPECT_EQ(info_weight("userRole"), 60U);
  EXPECT_EQ(info_weight("meta"), 20U);
  EXPECT_EQ(info_item_weight("userFills", 2000), 100U);
  EXPECT_EQ(info_item_weight("candleSnapshot", 5000), 83U);
  EXPECT_EQ(info_item_weight("meta", 5000), 0U);
  EXPECT_EQ(cancel_cap(0), 20'000U);
  EXPECT_EQ(cancel_cap(1'000'000), 1'110'000U);
}

TEST(Cloids, ArePrefixAndTwelveBytesOfTheHash) {
  const auto prefix = parse_cloid_prefix("0xf1a50001").value();
  const auto account = Address::parse("0x14791697260e4c9a71f18484c9f997b308e59325").value();
  const auto cloid = cloid_for(prefix, account, ClientOrderId{"LS-1705747200-abc123"});
  Bytes data(account.bytes.begin(), account.bytes.end());
  for (const char c : std::string_view("LS-1705747200-abc123")) {
    data.push_back(static_cast<std::uint8_t>(c));
  }
  const auto hash = keccak256(data);
  EXPECT_EQ(cloid.to_string(), "0xf1a50001" + to_hex(ByteView{hash}.first(12)));
  EXPECT_TRUE(has_prefix(cloid, prefix));
  EXPECT_NE(cloid, cloid_for(prefix, account, ClientOrderId{"LS-1705747200-abc124"}));
  EXPECT_NE(cloid, cloid_for(prefix, Address{}, ClientOrderId{"LS-1705747200-abc123"}));
  EXPECT_FALSE(parse_cloid_prefix("0x71a50001"));  // a value that may fall below 2^53 after a bug
  EXPECT_FALSE(parse_cloid_prefix("f1a50001"));
  EXPECT_FALSE(parse_cloid_prefix("0xf1a5"));
}

}  // namespace
}  // namespace perpwire::hyperliquid
