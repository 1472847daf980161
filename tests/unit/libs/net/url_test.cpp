#include "libs/net/url.hpp"

#include <gtest/gtest.h>

namespace perpwire::net {
namespace {

TEST(Url, TakesApartWhatVenuesAndConfigurationsWrite) {
  const auto venue = parse_url("wss://api.hyperliquid.xyz/ws");
  ASSERT_TRUE(venue);
  EXPECT_EQ(venue->scheme, "wss");
  EXPECT_EQ(venue->host, "api.hyperliquid.xyz");
  EXPECT_EQ(venue->port, 443);
  EXPECT_EQ(venue->target, "/ws");
  EXPECT_EQ(venue->authority(), "api.hyperliquid.xyz");
  EXPECT_EQ(venue->host_port(), "api.hyperliquid.xyz:443");

  const auto local = parse_url("HTTP://LocalHost:4001?a=b");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->text(), "http://localhost:4001/?a=b");

  const auto v6 = parse_url("ws://[::1]:80/ws");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->authority(), "[::1]");
  EXPECT_EQ(v6->host_port(), "[::1]:80");

  const auto proxy = parse_url("http://user:pass@proxy:3128");
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->user_info, "user:pass");
  EXPECT_EQ(proxy->text(), "http://proxy:3128/");
}

class BadUrl : public testing::TestWithParam<const char*> {};

TEST_P(BadUrl, IsRefusedAsMalformed) {
  const auto url = parse_url(GetParam());
  ASSERT_FALSE(url) << url->text();
  EXPECT_EQ(url.error().code, ErrorCode::kMalformed);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadUrl,
                         testing::Values("", "api.hyperliquid.xyz", "ftp://host/", "http://",
                                         "http://:80/", "http://host:/", "http://host:0/",
                                         "http://host:65536/", "http://host:80x/", "http://a b/",
                                         "http://host/\r\nX: y", "http://host/#part", "http://::1/",
                                         "http://[::1/", "http://[::1]x/", "http://ho st/",
                                         "http://host%2e/", "http://ex@mple@/"));

struct LoopbackCase {
  const char* host;
  bool loopback;
};
class LoopbackHost : public testing::TestWithParam<LoopbackCase> {};

TEST_P(LoopbackHost, IsKnownByItsTextAlone) {
  EXPECT_EQ(is_loopback_host(GetParam().host), GetParam().loopback) << GetParam().host;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, LoopbackHost,
    testing::Values(LoopbackCase{"localhost", true}, LoopbackCase{"127.0.0.1", true},
                    LoopbackCase{"127.255.255.254", true}, LoopbackCase{"::1", true},
                    LoopbackCase{"127.0.0.1.evil.com", false},
                    LoopbackCase{"localhost.evil", false}, LoopbackCase{"127.1", false},
                    LoopbackCase{"0127.0.0.1", false}, LoopbackCase{"128.0.0.1", false},
                    LoopbackCase{"0.0.0.0", false}, LoopbackCase{"127.0.0.256", false},
                    LoopbackCase{"127..0.1", false}, LoopbackCase{"10.127.0.0", false},
                    LoopbackCase{"", false}));

TEST(Transport, PlainTextIsRefusedToAnotherMachineAndAllowedToThisOne) {
  EXPECT_TRUE(check_transport(*parse_url("ws://127.0.0.1:4001/ws")));
  EXPECT_TRUE(check_transport(*parse_url("http://localhost/")));
  EXPECT_TRUE(check_transport(*parse_url("wss://api.hyperliquid.xyz/ws")));
  const auto refused = check_transport(*parse_url("ws://api.hyperliquid.xyz/ws"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().text.find("wss://"), std::string::npos) << refused.error().text;
}

TEST(Transport, ConfigurationErrorsNameTheKey) {
  try {
    require_url("venues.hyperliquid.ws_url", "ws://api.hyperliquid.xyz/ws");
    FAIL() << "plain ws to another machine was taken";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("venues.hyperliquid.ws_url: "), std::string::npos);
  }
  EXPECT_THROW(require_url("key", "nonsense"), ConfigError);
  EXPECT_THROW(require_url("key", "https://user:pass@host/"), ConfigError);
  EXPECT_EQ(require_url("key", "https://host/x").host, "host");
}

}  // namespace
}  // namespace perpwire::net
