#include "libs/common/ids.hpp"

#include <gtest/gtest.h>

namespace perpwire {
namespace {

TEST(ClientOrderId, TakesOneTo64OfTheContractsCharacters) {
  EXPECT_TRUE(parse_client_order_id("LS-1705747200-abc123"));
  EXPECT_TRUE(parse_client_order_id("cloid:0xf1a50001"));
  EXPECT_TRUE(parse_client_order_id(std::string(64, 'a')));
}

TEST(ClientOrderId, RefusesEmptyLongAndForeignCharactersNamingTheByte) {
  EXPECT_FALSE(parse_client_order_id(""));
  EXPECT_FALSE(parse_client_order_id(std::string(65, 'a')));
  const auto refused = parse_client_order_id("a b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidCommand);
  EXPECT_EQ(refused.error().text,
            "client_order_id: expected only [A-Za-z0-9._:-], found byte 0x20 at 1");
}

}  // namespace
}  // namespace perpwire
