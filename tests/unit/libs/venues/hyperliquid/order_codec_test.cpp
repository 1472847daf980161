#include "libs/venues/hyperliquid/order_codec.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>

namespace perpwire::hyperliquid {
namespace {

using Json = nlohmann::ordered_json;

std::string json_of(const Action& action) {
  std::string json;
  append_json(action, json);
  return json;
}

Bytes msgpack_of(const Action& action) {
  Bytes bytes;
  append_msgpack(action, bytes);
  return bytes;
}

/// Random actions of every type, leaning towards the edges of each number.
class RandomActions {
 public:
  explicit RandomActions(std::uint64_t seed) : random_(seed) {}

  Action next() {
    switch (below(11)) {
      case 0: {
        OrderAction action;
        for (auto n = count(); n > 0; --n) {
          action.orders.push_back(order());
        }
        if (below(4) == 0) {
          action.grouping = PriorityFee{number()};
        } else {
          action.grouping = static_cast<Grouping>(below(3));
        }
        if (below(3) == 0) {
          action.builder = Builder{address(), number()};
        }
        return action;
      }
      case 1: {
        CancelAction action{{}, flip()};
        for (auto n = count(); n > 0; --n) {
          action.cancels.push_back({number(), number()});
        }
        return action;
      }
      case 2: {
        CancelByCloidAction action{{}, flip()};
        for (auto n = count(); n > 0; --n) {
          action.cancels.push_back({number(), cloid()});
        }
        return action;
      }
      case 3:
        return ModifyAction{modify(), flip()};
      case 4: {
        BatchModifyAction action{{}, flip()};
        for (auto n = count(); n > 0; --n) {
          action.modifies.push_back(modify());
        }
        return action;
      }
      case 5:
        return ScheduleCancelAction{flip() ? std::optional(number()) : std::nullopt};
      case 6:
        return UpdateLeverageAction{number(), flip(), number()};
      case 7: {
        const auto shift = below(63);
        const auto sign = flip() ? -1 : 1;
        return UpdateIsolatedMarginAction{number(), flip(),
                                          sign * static_cast<std::int64_t>(number() >> 1 >> shift)};
      }
      case 8: {
        TwapOrderAction action{number(), flip(), Quantity{decimal()}, flip(), number(), flip(), {}};
        if (flip()) {
          action.details = TwapDetails{};
          if (flip()) {
            action.details->activation = TwapActivation{Price{decimal()}, flip()};
          }
          if (flip()) {
            action.details->stop_price = Price{decimal()};
          }
        }
        return action;
      }
      case 9:
        return TwapCancelAction{number(), number()};
      default:
        return NoopAction{};
    }
  }

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

 private:
  bool flip() { return below(2) == 1; }
  std::size_t count() {
    constexpr std::size_t kCounts[] = {0, 1, 2, 15, 16, 17, 40};
    return kCounts[below(7)];
  }
  std::uint64_t number() {
    // Around each width of msgpack: 7, 8, 16, 32, 64 bits.
    constexpr int kWidths[] = {7, 8, 16, 32, 53, 63};
    switch (below(4)) {
      case 0:
        return below(300);
      case 1:
        return UINT64_MAX - below(3);
      default:
        return (1ULL << kWidths[below(6)]) - 2 + below(4);
    }
  }
  Decimal decimal() {
    const auto exponent = static_cast<int>(below(12)) - 8;
    return Decimal::of(static_cast<std::int64_t>(random_() >> (4 + below(60))), exponent);
  }
  Address address() {
    Address address;
    for (auto& byte : address.bytes) {
      byte = static_cast<std::uint8_t>(random_());
    }
    return address;
  }
  Cloid cloid() {
    Cloid cloid;
    for (auto& byte : cloid.bytes) {
      byte = static_cast<std::uint8_t>(random_());
    }
    return cloid;
  }
  WireOrder order() {
    WireOrder order;
    order.asset = number();
    order.is_buy = flip();
    order.price = Price{decimal()};
    order.quantity = Quantity{decimal()};
    order.reduce_only = flip();
    if (flip()) {
      order.type = LimitType{static_cast<WireTif>(below(4))};
    } else {
      order.type =
          TriggerType{flip(), Price{decimal()}, flip() ? TpSl::kTakeProfit : TpSl::kStopLoss};
    }
    if (flip()) {
      order.cloid = cloid();
    }
    return order;
  }
  WireModify modify() {
    WireModify modify;
    if (flip()) {
      modify.order_id = number();
    } else {
      modify.order_id = cloid();
    }
    modify.order = order();
    return modify;
  }

  std::mt19937_64 random_;
};

/// Sorts the keys of every object: another order than the canonical one.
nlohmann::json sorted(const Json& value) { return nlohmann::json::parse(value.dump()); }

// nlohmann::ordered_json keeps the order of the keys in our JSON text and packs it on its own: an
// implementation of msgpack that shares nothing with ours.
TEST(OrderCodec, MsgpackEqualsAnIndependentEncoderOverRandomActions) {
  RandomActions actions(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  for (int i = 0; i < 1500; ++i) {
    const auto action = actions.next();
    ASSERT_TRUE(check_encodable(action));
    const auto json = json_of(action);
    ASSERT_EQ(msgpack_of(action), Json::to_msgpack(Json::parse(json))) << json;
  }
}

TEST(OrderCodec, ReadingGivesBackWhatWasWrittenInAnyKeyOrder) {
  RandomActions actions(
      static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  for (int i = 0; i < 1500; ++i) {
    const auto action = actions.next();
    const auto json = json_of(action);
    const auto read = parse_action(json);
    ASSERT_TRUE(read) << read.error().text << " " << json;
    ASSERT_EQ(*read, action) << json;
    const auto reordered = parse_action(sorted(Json::parse(json)).dump());
    ASSERT_TRUE(reordered) << reordered.error().text << " " << json;
    ASSERT_EQ(*reordered, action) << json;
  }
}

// The lengths at which msgpack changes its form.
TEST(OrderCodec, BatchesOfFifteenAndSixteenUseTheTwoFormsOfArray) {
  CancelAction action;
  action.cancels.assign(15, WireCancel{1, 2});
  auto bytes = msgpack_of(action);
  const auto after_key = [&] {
    const std::string text(bytes.begin(), bytes.end());
    return text.find(
               "\xa7"
               "cancels") +
           8;
  };
  EXPECT_EQ(bytes[after_key()], 0x9f);
  action.cancels.assign(16, WireCancel{1, 2});
  bytes = msgpack_of(action);
  EXPECT_EQ(bytes[after_key()], 0xdc);
  EXPECT_EQ(bytes[after_key() + 1], 0x00);
  EXPECT_EQ(bytes[after_key() + 2], 0x10);
  action.cancels.assign(70'000, WireCancel{1, 2});
  bytes = msgpack_of(action);
  EXPECT_EQ(bytes[after_key()], 0xdd);
}

struct Refused {
  std::string_view name;
  std::string_view json;
  std::string_view text;
};
class OrderCodecRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(OrderCodecRefuses, NamingTheField) {
  const auto action = parse_action(GetParam().json);
  ASSERT_FALSE(action);
  EXPECT_EQ(action.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(action.error().text, GetParam().text);
}

#define PW_ORDER(p, s, rest)                                         \
  R"({"type":"order","orders":[{"a":1,"b":true,"p":)" p R"(,"s":)" s \
  R"(,"r":false,"t":{"limit":{"tif":"Gtc"}})" rest R"(}],"grouping":"na"})"

INSTANTIATE_TEST_SUITE_P(
    Malformed, OrderCodecRefuses,
    ::testing::Values(
        Refused{"number_price", PW_ORDER("100", R"("1")", ""),
                "action.orders[0].p: expected a decimal text, found the number 100"},
        Refused{"nine_decimals", PW_ORDER(R"("0.123456789")", R"("1")", ""),
                "action.orders[0].p: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"0.123456789\""},
        Refused{"exponent", PW_ORDER(R"("1e5")", R"("1")", ""),
                "action.orders[0].p: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"1e5\""},
        Refused{"nan", PW_ORDER(R"("1")", R"("NaN")", ""),
                "action.orders[0].s: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"NaN\""},
        Refused{"empty", PW_ORDER(R"("")", R"("1")", ""),
                "action.orders[0].p: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"\""},
        Refused{"plus", PW_ORDER(R"("+1")", R"("1")", ""),
                "action.orders[0].p: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"+1\""},
        Refused{"negative", PW_ORDER(R"("-1")", R"("1")", ""),
                "action.orders[0].p: expected a decimal text of at most 8 decimals, not negative, "
                "found the text \"-1\""},
        Refused{"unknown_field", PW_ORDER(R"("1")", R"("1")", R"(,"z":1)"),
                "action.orders[0].z: expected no field of this name, found the number 1"},
        Refused{"null_cloid", PW_ORDER(R"("1")", R"("1")", R"(,"c":null)"),
                "action.orders[0].c: expected a text, found null"},
        Refused{"short_cloid", PW_ORDER(R"("1")", R"("1")", R"(,"c":"0x12")"),
                "action.orders[0].c: expected a cloid of 0x and 32 hex digits, found \"0x12\""},
        Refused{"bare_cloid",
                PW_ORDER(R"("1")", R"("1")", R"(,"c":"00000000000000000000000000000001")"),
                "action.orders[0].c: expected a cloid of 0x and 32 hex digits, found "
                "\"00000000000000000000000000000001\""},
        Refused{"doubled_field", PW_ORDER(R"("1")", R"("1")", R"(,"a":2)"),
                "action.orders[0].a: expected it once, found it twice"},
        Refused{"unknown_type", R"({"type":"withdraw3"})",
                "action.type: expected a trading action, found \"withdraw3\""},
        Refused{"no_type", R"({"time":1})", "action.type: expected a value, found no such field"},
        Refused{"noop_with_more", R"({"type":"noop","x":{}})",
                "action.x: expected no field of this name, found an object"},
        Refused{"false_flag", R"({"type":"cancel","cancels":[],"f":false})",
                "action.f: expected true, or the field left out, found false"},
        Refused{"float_oid", R"({"type":"cancel","cancels":[{"a":0,"o":1.0}]})",
                "action.cancels[0].o: expected a whole number from 0 to 2^64-1, found the number "
                "1.0"},
        Refused{"negative_oid", R"({"type":"cancel","cancels":[{"a":0,"o":-1}]})",
                "action.cancels[0].o: expected a whole number from 0 to 2^64-1, found the number "
                "-1"},
        Refused{"text_oid", R"({"type":"cancel","cancels":[{"a":0,"o":"1"}]})",
                "action.cancels[0].o: expected a whole number from 0 to 2^64-1, found the text "
                "\"1\""},
        Refused{"unknown_tif",
                R"({"type":"order","orders":[{"a":1,"b":true,"p":"1","s":"1","r":false,)"
                R"("t":{"limit":{"tif":"Fok"}}}],"grouping":"na"})",
                "action.orders[0].t.limit.tif: expected one of Gtc Ioc Alo FrontendMarket, found "
                "\"Fok\""},
        Refused{"no_order_type",
                R"({"type":"order","orders":[{"a":1,"b":true,"p":"1","s":"1","r":false,"t":{}}],)"
                R"("grouping":"na"})",
                "action.orders[0].t.limit: expected a value, found no such field"},
        Refused{"null_time", R"({"type":"scheduleCancel","time":null})",
                "action.time: expected a whole number from 0 to 2^64-1, found null"},
        Refused{"no_object", "[]", "action: expected an object, found an array"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(OrderCodec, NormalisesZerosAndCase) {
  const auto padded = parse_action(
      PW_ORDER(R"("0100.500")", R"("-0.00")", R"(,"c":"0xABCDEFABCDEFABCDEFABCDEFABCDEFAB")"));
  ASSERT_TRUE(padded) << padded.error().text;
  EXPECT_EQ(json_of(*padded),
            PW_ORDER(R"("100.5")", R"("0")", R"(,"c":"0xabcdefabcdefabcdefabcdefabcdefab")"));
}

TEST(OrderCodec, PricesOfMoreThanEightDecimalsAreNotEncodable) {
  EXPECT_EQ(to_wire(Decimal::of(123456789, -8)).value(), "1.23456789");
  EXPECT_FALSE(to_wire(Decimal::of(1, -9)));
  EXPECT_FALSE(to_wire(Decimal::of(-1)));
  OrderAction action;
  action.orders.emplace_back();
  action.orders[0].price = Price{Decimal::of(1, -9)};
  const auto checked = check_encodable(action);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().text,
            "price 0.000000001: the venue takes at most 8 decimals and nothing negative");
}

TEST(OrderCodec, RefusesTruncatedTextAtEveryByte) {
  RandomActions actions(7);
  for (int i = 0; i < 50; ++i) {
    const auto json = json_of(actions.next());
    const auto cut = actions.below(json.size());
    EXPECT_FALSE(parse_action(json.substr(0, cut))) << json.substr(0, cut);
  }
}

}  // namespace
}  // namespace perpwire::hyperliquid
