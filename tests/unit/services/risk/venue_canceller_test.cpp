#include "services/risk/venue_canceller.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/request_server.hpp"
#include "perpwire/v1/signing.pb.h"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/libs/net/test_server.hpp"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zmq.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace perpwire::risk {
namespace {

using namespace std::chrono_literals;

/// A venue that knows one coin and takes every action, and a signer that signs when it is told to.
class VenueCancellerTest : public testing::Test {
 protected:
  VenueCancellerTest() {
    VenueCancellerConfig config;
    config.venue.name = "hyperliquid";
    config.venue.rest_url = venue_.url("http", "");
    config.venue.dexs = {""};
    config.accounts.emplace_back();
    config.accounts.back().name = "main";
    config.accounts.back().key = "agent";
    config.signer_endpoint = endpoint_;
    config.instance = "main";
    config.network = "testnet";
    config.assets_retry = 0s;
    canceller_ = std::make_unique<VenueCanceller>(io_, context_, config);
  }

  void answer(const std::shared_ptr<net::test::Peer>& peer) {
    peer->read_request([this, peer](const std::string& /*head*/, const std::string& body) {
      if (venue_is_silent_) return;
      std::string text = R"({"status":"ok","response":{"type":"default"}})";
      if (body.find("\"meta\"") != std::string::npos) {
        ++metas_;
        text = R"({"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":1}],)"
               R"("marginTables":[],"collateralToken":0})";
      } else if (body.find("perpDexs") != std::string::npos) {
        text = "[null]";
      } else {
        ++actions_;
      }
      peer->write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", text.size(), text),
                  [this, peer] { answer(peer); });
    });
  }

  void on_request(const IncomingRequest& in) {
    v1::SignRequest request;
    ASSERT_TRUE(parse_payload(in.payload, request));
    if (request.type() == "hello") {
      v1::SignReply reply;
      reply.set_request_id(request.request_id());
      reply.set_status("OK");
      *reply.mutable_hello() = own_hello("signer", "main");
      signer_.reply(in.reply_to, reply.SerializeAsString());
      ++hellos_;
      return;
    }
    types_.push_back(request.type() + " " + request.lease().holder());
    asked_.push_back({in.reply_to, request.request_id()});
  }
  void sign() {
    for (const auto& [to, id] : asked_) {
      v1::SignReply reply;
      reply.set_request_id(id);
      reply.set_status("OK");
      reply.set_body("{}");
      signer_.reply(to, reply.SerializeAsString());
    }
    asked_.clear();
  }
  bool until(const std::function<bool()>& holds) { return net::test::run_until(io_, holds, 8s); }

  TempDir folder_;
  boost::asio::io_context io_{1};
  zmq::context_t context_;
  std::string endpoint_ = "ipc://" + (folder_.path() / "s.sock").string();
  int metas_ = 0;
  int actions_ = 0;
  int hellos_ = 0;
  bool venue_is_silent_ = false;
  std::vector<std::string> types_;  // of what the signer was asked
  std::vector<std::pair<ReplyAddress, std::string>> asked_;
  net::test::TestServer venue_{io_, [this](const auto& peer) { answer(peer); }};
  RequestServer signer_{io_, context_, {.endpoint = endpoint_}, [this](const IncomingRequest& in) {
                          on_request(in);
                        }};
  std::unique_ptr<VenueCanceller> canceller_;
};

TEST_F(VenueCancellerTest, SignsAndPostsWhatItIsToldToCancel) {
  ASSERT_TRUE(until([&] { return canceller_->knows_assets() && hellos_ > 0; }));
  std::optional<Status> outcome;
  canceller_->cancel(0, {{.coin = "BTC", .venue_order_id = 7, .cloid = "0xaa"}},
                     [&](const Status& done) { outcome = done; });
  ASSERT_TRUE(until([&] { return asked_.size() == 1; }));
  EXPECT_FALSE(outcome);
  sign();
  ASSERT_TRUE(until([&] { return outcome.has_value(); }));
  EXPECT_TRUE(outcome->has_value());
  EXPECT_EQ(actions_, 1);
}

// A coin that is not in the asset map makes it read the map anew, which makes a new connection to
// the signer: what the old one was asked must still be answered, or the halt waits for ever.
TEST_F(VenueCancellerTest, ACancelIsAnsweredThoughTheSignersConnectionIsMadeAnewMeanwhile) {
  ASSERT_TRUE(until([&] { return canceller_->knows_assets() && hellos_ > 0; }));
  const int metas = metas_;
  net::test::run_for(io_, 50ms);
  const int hellos = hellos_;
  std::optional<Status> outcome;
  canceller_->cancel(0,
                     {{.coin = "BTC", .venue_order_id = 7, .cloid = "0xaa"},
                      {.coin = "NEW", .venue_order_id = 8, .cloid = "0xbb"}},
                     [&](const Status& done) { outcome = done; });
  ASSERT_TRUE(until([&] { return asked_.size() == 1 && metas_ > metas; }));
  net::test::run_for(io_, 50ms);
  sign();
  ASSERT_TRUE(until([&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error().code, ErrorCode::kUnknownPair);
  EXPECT_EQ(actions_, 1) << "the known coin's cancel goes all the same";
  EXPECT_TRUE(until([&] { return hellos_ > hellos; })) << "the signer hears the new map";
}

TEST_F(VenueCancellerTest, KeysAreLockedAndUnlockedThoughTheVenueIsSilent) {
  venue_is_silent_ = true;
  std::vector<bool> outcomes;
  for (const bool locked : {true, false}) {
    canceller_->lock_keys(locked,
                          [&](const Status& done) { outcomes.push_back(done.has_value()); });
    ASSERT_TRUE(until([&] { return asked_.size() == 1; }));
    sign();
    ASSERT_TRUE(until([&] { return outcomes.size() == (locked ? 1U : 2U); }));
  }
  EXPECT_FALSE(canceller_->knows_assets());
  EXPECT_EQ(types_, (std::vector<std::string>{"lock risk.main", "unlock risk.main"}));
  EXPECT_EQ(outcomes, (std::vector<bool>{true, true}));
}

}  // namespace
}  // namespace perpwire::risk
