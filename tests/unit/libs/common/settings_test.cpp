#include "libs/common/settings.hpp"

#include "libs/common/result.hpp"

#include <gtest/gtest.h>

namespace perpwire {
namespace {

constexpr std::string_view kExample = R"(
mode = "sim"
run_dir = "/run/perpwire"
data_dir = "/var/lib/perpwire"
[venues.hyperliquid]
dexs = ["", "hyna"]
symbols = ["BTC-USD", "hyna:BTC-USD"]
[accounts.main]
venue = "hyperliquid"
address = "0x14791697260E4C9A71F18484C9F997B308E59325"
key = "agent-1"
[order_gateway]
ws_post = { enabled = true, timeout_ms = 5000, fallback_to_rest = true, max_consecutive_failures = 5, failure_cooldown_s = 60 }
[order_gateway.desk2]
events = "tcp://127.0.0.1:6556"
)";

TEST(Settings, HasTheContractsDefaults) {
  const auto settings = parse_settings(kExample, "perpwire.toml");
  EXPECT_EQ(settings.venues.at("hyperliquid").rest_url, "http://127.0.0.1:4001");
  EXPECT_EQ(settings.venues.at("hyperliquid").ws_url, "ws://127.0.0.1:4001/ws");
  EXPECT_EQ(settings.accounts.at("main").address, "0x14791697260e4c9a71f18484c9f997b308e59325");
  EXPECT_EQ(settings.order_gateway.events, "tcp://127.0.0.1:5556");
  EXPECT_EQ(settings.order_gateway.commands, "ipc:///run/perpwire/gateway/commands.sock");
  EXPECT_EQ(settings.order_gateway.expires_after, std::chrono::seconds(8));
  EXPECT_EQ(settings.marketstream.requests, "tcp://127.0.0.1:5554");
  EXPECT_EQ(settings.signer.endpoint, "ipc:///run/perpwire/signer/signer.sock");
  EXPECT_EQ(settings.signer.direct, "unix:///run/perpwire/signer/direct.sock");
  EXPECT_EQ(settings.persister.database, "sqlite:/var/lib/perpwire/perpwire.db");
}

TEST(Settings, AnInstanceLaysItsTableOverTheProcessTable) {
  const auto settings = parse_settings(kExample, "perpwire.toml", "order-gateway", "desk2");
  EXPECT_EQ(settings.order_gateway.events, "tcp://127.0.0.1:6556");
  EXPECT_EQ(settings.order_gateway.commands, "ipc:///run/perpwire/gateway-desk2/commands.sock");
  EXPECT_EQ(settings.order_gateway.ws_post.timeout, std::chrono::seconds(5));
  EXPECT_THROW(parse_settings(kExample, "perpwire.toml", "order-gateway", "desk3"), ConfigError);
}

struct Bad {
  std::string_view name;
  std::string_view toml;
  std::string_view error;
};
class SettingsRefuse : public testing::TestWithParam<Bad> {};

TEST_P(SettingsRefuse, WithOneLineThatNamesKeyExpectedAndFound) {
  try {
    parse_settings(GetParam().toml, "p.toml");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().error), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, SettingsRefuse,
    testing::Values(
        Bad{"mode", "mode = \"prod\"", "mode: expected one of sim, testnet, live, found \"prod\""},
        Bad{"top", "modes = \"sim\"",
            "expected a known key (nearest is \"mode\"), found \"modes\""},
        Bad{"venue", "[venues.kraken]", "venues.kraken: expected a venue of this build"},
        Bad{"plain_url",
            "mode = \"testnet\"\n[venues.hyperliquid]\nrest_url = \"http://example.org\"",
            "venues.hyperliquid.rest_url: expected https://HOST, or http:// to a loopback address"},
        Bad{"sim_url", "[venues.hyperliquid]\nrest_url = \"https://example.org\"",
            "venues.hyperliquid.rest_url: expected a loopback address while mode = \"sim\""},
        Bad{"address",
            "[venues.hyperliquid]\n[accounts.a]\nvenue = \"hyperliquid\"\nkey = \"k\"\naddress = "
            "\"0x12\"",
            "accounts.a.address: expected 0x and 40 hex digits, found \"0x12\""},
        Bad{"prefix",
            "[venues.hyperliquid]\n[accounts.a]\nvenue = \"hyperliquid\"\nkey = \"k\"\naddress = "
            "\"0x14791697260e4c9a71f18484c9f997b308e59325\"\ncloid_prefix = \"0x00000001\"",
            "accounts.a.cloid_prefix: expected 0x and 8 hex digits with the highest bit set"},
        Bad{"timeout", "[order_gateway]\nexpires_after_ms = 6000",
            "timeout_ms + 2000 <= expires_after_ms"},
        Bad{"outside", "[order_gateway]\nevents = \"tcp://0.0.0.0:5556\"",
            "expected a loopback address"},
        Bad{"commands", "[order_gateway]\ncommands = \"tcp://127.0.0.1:1\"",
            "order_gateway.commands: expected ipc://PATH, or TCP together with curve_key and "
            "curve_public_key, found"},
        Bad{"signer_half", "[signer]\nendpoint = \"tcp://127.0.0.1:1\"\ncurve_key = \"/k\"",
            "signer.endpoint: expected ipc://PATH, or TCP together with curve_key and "
            "curve_public_key, found"},
        Bad{"control_far", "[risk]\ncontrol = \"tcp://10.0.0.1:1\"",
            "risk.control: expected ipc://PATH, or TCP together with"},
        Bad{"curve_short", "[signer]\ncurve_public_key = \"abc\"",
            "signer.curve_public_key: expected a CURVE public key: 40 characters of Z85"},
        Bad{"curve_may",
            "[curve.clients.a]\npublic_key = \"0000000000000000000000000000000000000000\"\nmay = "
            "[\"sign\"]",
            "curve.clients.a.may: expected endpoints of signer, commands, replay, control, found "
            "\"sign\""},
        Bad{"curve_role",
            "[curve.clients.a]\npublic_key = \"0000000000000000000000000000000000000000\"\nrole = "
            "\"root\"",
            "curve.clients.a.role: expected one of client, operator, found \"root\""},
        Bad{"curve_twice",
            "[curve.clients.a]\npublic_key = "
            "\"0000000000000000000000000000000000000000\"\n[curve.clients.b]\npublic_key = "
            "\"0000000000000000000000000000000000000000\"",
            "curve.clients.b.public_key: expected a key of its own, found that of a"},
        Bad{"long",
            "run_dir = "
            "\"/run/"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaa"
            "aaaaaaaaa\"",
            "expected a socket path of at most 107 bytes"},
        Bad{"limits", "mode = \"live\"",
            "risk.limits: expected a limits file while mode = \"live\", found none"},
        Bad{"direct", "[signer]\ndirect = \"ipc:///tmp/d.sock\"",
            "signer.direct: expected unix://PATH or \"\", found ipc:///tmp/d.sock"},
        Bad{"secret", "[signer]\npassphrase = \"hunter2\"",
            "never the passphrase), found something else"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Settings, NeverRepeatsWhatStoodWhereAPassphraseMayHaveStood) {
  try {
    parse_settings("[signer]\npassphrase = \"hunter2\"", "p.toml");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace perpwire
