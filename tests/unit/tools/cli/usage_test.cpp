// Every command's wrong input, through the binary: the exit code, and one line on standard error
// that says what was expected and what was found.

#include "tests/support/temp_dir.hpp"

#include "run_cli.hpp"
#include <gtest/gtest.h>

#include <fstream>

namespace perpwire::cli {
namespace {

constexpr const char* kAccount = R"(
[accounts.main]
venue = "hyperliquid"
address = "0x9f1b4a6a5b8c7d6e5f4031221304958677889900"
key = "agent-1"
)";

std::string suite_config(const TempDir& dir, const std::string& more = kAccount) {
  // Ports that nobody listens on: the folder is empty, and 1 to 3 are never a user's.
  return "mode = \"sim\"\nrun_dir = \"" + dir.file("run") + "\"\ndata_dir = \"" + dir.file("data") +
         "\"\n[venues.hyperliquid]\nrest_url = \"http://127.0.0.1:1\"\nws_url = "
         "\"ws://127.0.0.1:1/ws\"\ndexs = [\"\", \"hyna\"]\nsymbols = [\"BTC-USD\", "
         "\"hyna:BTC-USD\"]\n" +
         more +
         "[marketstream]\nevents = \"tcp://127.0.0.1:1\"\nrequests = \"tcp://127.0.0.1:2\"\n"
         "[order_gateway]\nevents = \"tcp://127.0.0.1:3\"\n[risk]\nevents = "
         "\"tcp://127.0.0.1:1\"\n[metrics]\nbase_port = 1\n";
}

struct Case {
  std::string name;
  std::vector<std::string> arguments;
  int exit = 1;
  std::string says;  // within the line on standard error
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

class Usage : public ::testing::TestWithParam<Case> {};

TEST_P(Usage, WrongInputIsOneLineAndTheRightExitCode) {
  const TempDir dir;
  std::ofstream(dir.file("perpwire.toml")) << suite_config(dir);
  std::ofstream(dir.file("two.toml"))
      << suite_config(dir, std::string(kAccount) +
                               "[accounts.second]\nvenue = \"hyperliquid\"\naddress = "
                               "\"0x0000000000000000000000000000000000000001\"\nkey = \"b\"\n");
  std::ofstream(dir.file("bad.toml")) << "mod = \"sim\"\n";
  std::ofstream(dir.file("limits.toml")) << "[[limits]]\naccount = \"main\"\nmax_positon = \"1\"\n";
  auto arguments = GetParam().arguments;
  for (auto& word : arguments) {
    if (const auto at = word.find("DIR/"); at == 0) word = dir.file(word.substr(4));
  }
  if (std::find(arguments.begin(), arguments.end(), "--config") == arguments.end()) {
    arguments.insert(arguments.end(), {"--config", dir.file("perpwire.toml")});
  }
  const auto run = run_cli(arguments);
  EXPECT_EQ(run.exit, GetParam().exit) << run.err;
  EXPECT_NE(run.err.find(GetParam().says), std::string::npos) << run.err;
  EXPECT_EQ(lines_of(run.err).size(), 1U) << run.err;
  EXPECT_EQ(run.err.rfind("perpwire", 0), 0U) << run.err;
}

INSTANTIATE_TEST_SUITE_P(
    , Usage,
    ::testing::Values(
        Case{"nothing", {}, 1, "expected one of status, "},
        Case{"unknown_command", {"foo"}, 1, "found 'foo'"},
        Case{"unknown_verb", {"order", "buy"}, 1, "expected one of place, cancel"},
        Case{"unknown_option", {"order", "list", "--color"}, 1, "found '--color'"},
        Case{"output_form", {"status", "-o", "xml"}, 1, "xml"},
        Case{"timeout_of_zero", {"status", "--timeout", "0"}, 1, "0 not in range"},
        Case{"no_configuration", {"config", "check", "--config", "DIR/none.toml"}, 1, "none.toml"},
        Case{"bad_configuration",
             {"config", "check", "--config", "DIR/bad.toml"},
             1,
             "nearest is \"mode\""},
        Case{"diff_without_file", {"config", "diff"}, 1, "file is required"},
        Case{"diff_with_no_file", {"config", "diff", "DIR/none.toml"}, 1, "none.toml"},
        Case{"diff_that_differs", {"config", "diff", "DIR/none2.toml"}, 1, "none2.toml"},
        Case{"account_unknown",
             {"order", "list", "--account", "other"},
             1,
             "expected one of main, found other"},
        Case{"account_not_chosen",
             {"position", "list", "--config", "DIR/two.toml"},
             1,
             "expected one of main, second, found none"},
        Case{"pair_malformed", {"order", "list", "--pair", "BTC"}, 1, "found 'BTC'"},
        Case{"pair_with_two_dexs",
             {"order", "list", "--pair", "hyna:BTC-USD", "--dex", "felix"},
             1,
             "--dex: expected hyna"},
        Case{"place_without_side",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1"},
             1,
             "--side is required"},
        Case{"place_wrong_side",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "long"},
             1,
             "long"},
        Case{"place_amount_zero",
             {"order", "place", "--pair", "BTC-USD", "--amount", "0", "--side", "buy"},
             1,
             "--amount: expected a number above zero, found '0'"},
        Case{"place_amount_text",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1e3", "--side", "buy"},
             1,
             "found '1e3'"},
        Case{
            "place_price_negative",
            {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px", "-5"},
            1,
            "--px: expected"},
        Case{"place_price_bps",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px",
              "-xbps"},
             1,
             "found '-xbps'"},
        Case{"place_limit_without_price",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--type",
              "LIMIT"},
             1,
             "--px: expected a price for LIMIT"},
        Case{"place_market_with_price",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--type",
              "MARKET", "--px", "5"},
             1,
             "--px: expected none for MARKET"},
        Case{"place_id_malformed",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px", "5",
              "--id", "a b"},
             1,
             "--id: "},
        Case{"place_post_only_ioc",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px", "5",
              "--post-only", "--tif", "IOC"},
             1,
             "--tif: expected ALO"},
        Case{"place_gateway_down",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px", "5"},
             2,
             "order-gateway: expected it to publish at tcp://127.0.0.1:3"},
        Case{"place_gateway_down_unfollowed",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px", "5",
              "--no-follow"},
             2,
             "commands.sock, found: no such socket"},
        Case{"place_relative_marketstream_down",
             {"order", "place", "--pair", "BTC-USD", "--amount", "1", "--side", "buy", "--px",
              "-10bps"},
             2,
             "marketstream: expected it to listen"},
        Case{"cancel_of_what",
             {"order", "cancel"},
             1,
             "expected one of ID, --venue-id and --all, found none"},
        Case{"cancel_of_both", {"order", "cancel", "x", "--all"}, 1, "found several"},
        Case{"cancel_all_unasked", {"order", "cancel", "--all"}, 1, "expected --yes"},
        Case{"cancel_down", {"order", "cancel", "x", "--no-follow"}, 2, "order-gateway"},
        Case{"modify_nothing", {"order", "modify", "x"}, 1, "expected --px, --amount or --trigger"},
        Case{"modify_amount", {"order", "modify", "x", "--amount", "-1"}, 1, "--amount"},
        Case{"modify_down", {"order", "modify", "x", "--px", "5"}, 2, "order-gateway"},
        Case{"list_down", {"order", "list"}, 2, "order-gateway"},
        Case{"show_of_what", {"order", "show"}, 1, "expected either ID or --venue-id"},
        Case{"show_down", {"order", "show", "x"}, 2, "order-gateway"},
        Case{"position_down", {"position", "list"}, 2, "order-gateway"},
        Case{"balance_down", {"balance", "list"}, 2, "order-gateway"},
        Case{"risk_down", {"risk", "status"}, 2, "risk: expected it to listen"},
        Case{"risk_halt_down", {"risk", "halt"}, 2, "risk: expected it to listen"},
        Case{"risk_halt_level", {"risk", "halt", "--level", "NOW"}, 1, "NOW"},
        Case{"risk_resume_without_reason", {"risk", "resume"}, 1, "--reason: expected"},
        Case{"risk_resume_unasked", {"risk", "resume", "--reason", "fixed"}, 1, "expected --yes"},
        Case{"risk_limits_no_file", {"risk", "limits", "--set", "DIR/none.toml"}, 1, "none.toml"},
        Case{"risk_limits_bad_file",
             {"risk", "limits", "--set", "DIR/limits.toml"},
             1,
             "max_position"},
        Case{"md_channel", {"md", "watch", "quotes", "BTC-USD"}, 1, "quotes"},
        Case{"md_pair", {"md", "watch", "bbo", "BTC"}, 1, "found 'BTC'"},
        Case{"md_without_pair", {"md", "watch", "bbo"}, 1, "pairs is required"},
        Case{"md_down",
             {"md", "watch", "bbo", "BTC-USD"},
             2,
             "marketstream: expected it to publish"},
        Case{"md_book_down", {"md", "book", "BTC-USD"}, 2, "marketstream: expected it to listen"},
        Case{"md_trades_once", {"md", "trades", "BTC-USD"}, 1, "trades: expected --watch"},
        Case{"status_down", {"status"}, 2, "order-gateway DOWN"},
        Case{"doctor_down", {"doctor", "--timeout", "500"}, 2, "expected everything well"}),
    [](const auto& one) { return one.param.name; });

TEST(Cli, ConfigDiffSaysWhichKeysAndEndsWithFour) {
  const TempDir dir;
  std::ofstream(dir.file("a.toml")) << suite_config(dir);
  std::ofstream(dir.file("b.toml")) << suite_config(dir) << "[logging]\nlevel = \"debug\"\n";
  const auto run = run_cli({"config", "diff", dir.file("b.toml"), "--config", dir.file("a.toml")});
  EXPECT_EQ(run.exit, 4);
  EXPECT_NE(run.out.find("logging.level"), std::string::npos) << run.out;
  EXPECT_EQ(run.out.find("metrics"), std::string::npos) << run.out;
  EXPECT_EQ(run_cli({"config", "diff", dir.file("a.toml"), "--config", dir.file("a.toml")}).exit,
            0);
}

TEST(Cli, ConfigCheckOfAWellFileEndsWithZero) {
  const TempDir dir;
  std::ofstream(dir.file("a.toml")) << suite_config(dir);
  const auto run = run_cli({"-o", "json", "config", "check", "--config", dir.file("a.toml")});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_NE(run.out.find(R"("status":"OK","mode":"sim")"), std::string::npos) << run.out;
}

TEST(Cli, DryRunPrintsTheCommandAndSendsNothing) {
  const TempDir dir;
  std::ofstream(dir.file("perpwire.toml")) << suite_config(dir);
  const auto run = run_cli({"--config", dir.file("perpwire.toml"), "order", "place", "--pair",
                            "BTC-USD", "--dex", "hyena", "--side", "buy", "--px", "50000.50",
                            "--amount", "0.001", "--post-only", "--id", "LS-1", "--dry-run"});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_NE(run.out.find(R"("trading_pair":"hyna:BTC-USD")"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(R"("price":50000.5)"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(R"("time_in_force":"ALO")"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find(R"("client_order_id":"LS-1")"), std::string::npos) << run.out;
}

TEST(Cli, DexListResolvesAliases) {
  const TempDir dir;
  std::ofstream(dir.file("perpwire.toml")) << suite_config(dir);
  const auto run = run_cli({"dex", "list", "-o", "json", "--config", dir.file("perpwire.toml")});
  EXPECT_EQ(run.exit, 0) << run.err;
  EXPECT_NE(run.out.find(R"("dex":"hyna","aliases":["hyena"],"configured_pairs":1)"),
            std::string::npos)
      << run.out;
}

TEST(Cli, EveryCommandExplainsItself) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"--help"},
                                                                     {"order", "--help"},
                                                                     {"order", "place", "--help"},
                                                                     {"md", "watch", "--help"},
                                                                     {"version"},
                                                                     {"--version"},
                                                                     {"completion", "bash"}}) {
    const auto run = run_cli(arguments);
    EXPECT_EQ(run.exit, 0) << arguments.front();
    EXPECT_FALSE(run.out.empty());
  }
}

}  // namespace
}  // namespace perpwire::cli
