#include "libs/net/readiness.hpp"

#include <gtest/gtest.h>

namespace perpwire::net {
namespace {

using std::chrono::seconds;
using Feed = Readiness::Feed;

TEST(Readiness, IsReachedByDataOfEveryFeedAndNotBefore) {
  Readiness readiness;
  readiness.expect("book", seconds{10});
  readiness.expect("trades", seconds{10});
  EXPECT_FALSE(readiness.ready(seconds{0}));
  readiness.on_data("book", seconds{1});
  EXPECT_FALSE(readiness.ready(seconds{1}));
  EXPECT_EQ(readiness.missing(seconds{1}), std::vector<std::string>{"trades"});
  readiness.on_data("trades", seconds{2});
  EXPECT_TRUE(readiness.ready(seconds{2}));
}

TEST(Readiness, EndsWhenAFeedIsSilentForLongerThanItsAge) {
  Readiness readiness;
  readiness.expect("book", seconds{10});
  readiness.on_data("book", seconds{1});
  EXPECT_EQ(readiness.next_change(seconds{1}), seconds{11} + Nanos{1});
  EXPECT_EQ(readiness.feed("book", seconds{11}), Feed::kLive);
  EXPECT_EQ(readiness.feed("book", seconds{11} + Nanos{1}), Feed::kStale);
  readiness.on_data("book", seconds{20});
  EXPECT_TRUE(readiness.ready(seconds{20}));
}

TEST(Readiness, OfAQuietFeedLastsOnceConfirmed) {
  Readiness readiness;
  readiness.expect("userFills", Nanos{0});
  EXPECT_FALSE(readiness.ready(seconds{0}));
  readiness.on_confirmed("userFills", seconds{1});
  EXPECT_TRUE(readiness.ready(std::chrono::hours{24}));
}

TEST(Readiness, StartsOverWithEachConnection) {
  Readiness readiness;
  readiness.expect("book", seconds{10});
  readiness.on_data("book", seconds{1});
  readiness.on_disconnected();
  EXPECT_EQ(readiness.feed("book", seconds{1}), Feed::kWaiting);
  EXPECT_EQ(readiness.feed("other", seconds{1}), Feed::kUnknown);
  readiness.on_data("other", seconds{1});
  EXPECT_EQ(readiness.feed("other", seconds{1}), Feed::kUnknown);
}

}  // namespace
}  // namespace perpwire::net
