#include "libs/client/order_ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace perpwire::client {
namespace {

TEST(OrderIds, AreOfTheContractsFormAndCountUp) {
  OrderIds ids("LS", 1705747200, "abc123");
  EXPECT_EQ(ids.next().value(), "LS-1705747200-abc123-000001");
  EXPECT_EQ(ids.next().value(), "LS-1705747200-abc123-000002");
  EXPECT_TRUE(parse_client_order_id(ids.next().value()));
}

TEST(OrderIds, APrefixThatCannotBeOneIsAConfigurationError) {
  EXPECT_THROW(OrderIds("", 1705747200, "abc123"), ConfigError);
  EXPECT_THROW(OrderIds("a b", 1705747200, "abc123"), ConfigError);
  EXPECT_THROW(OrderIds(std::string(40, 'x'), 1705747200, "abc123"), ConfigError);
}

TEST(OrderIds, AreUniqueOverThreadsAndInstances) {
  OrderIds one("LS", 1705747200, random_instance(3));
  OrderIds two("LS", 1705747200, random_instance(3));
  std::vector<std::vector<ClientOrderId>> made(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < made.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 1000; ++n) made[i].push_back((i % 2 == 0 ? one : two).next());
      });
    }
  }
  std::set<ClientOrderId> all;
  for (const auto& part : made) all.insert(part.begin(), part.end());
  EXPECT_EQ(all.size(), 4000U);
}

TEST(RequestIds, DifferBetweenInstances) {
  RequestIds one(random_instance(8));
  RequestIds two(random_instance(8));
  EXPECT_NE(one.next(), two.next());
  EXPECT_NE(one.next(), one.next());
  EXPECT_EQ(random_instance(8).size(), 16U);
}

}  // namespace
}  // namespace perpwire::client
