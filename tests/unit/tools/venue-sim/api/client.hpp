#pragma once

#include "libs/venues/hyperliquid/signing.hpp"
#include "tests/unit/tools/venue-sim/core/sim_fixture.hpp"
#include "tools/venue-sim/api/control.hpp"
#include "tools/venue-sim/api/venue_api.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

namespace perpwire::sim::testing {

namespace hl = perpwire::hyperliquid;
using Document = nlohmann::json;

/// A venue behind its whole API, and a client of it with a key: in one process, no sockets. What
/// the client signs is encoded by libs/venues/hyperliquid, not by the simulator.
class Client {
 public:
  explicit Client(Readings readings = {}, ExchangeConfig config = instant())
      : key_(SigningKey::from_hex(std::string(64, '1')).value()),
        exchange_(Exchange::make(config, readings, kStart).value()),
        api_(*exchange_, hl::Network::kTestnet) {
    exchange_->fund(account(), whole_money(100'000));
  }
  static ExchangeConfig instant() {
    ExchangeConfig config;
    config.block_ms = 0;
    config.background_trading = false;
    config.documented_limits = false;
    return config;
  }

  [[nodiscard]] sim::Address account() const { return sim::Address{key_.address().to_string()}; }
  [[nodiscard]] std::string user() const { return account().value(); }
  Exchange& exchange() { return *exchange_; }
  VenueApi& api() { return api_; }
  Millis now = kStart;

  struct HttpAnswer {
    int status = 0;  // 0: closed without an answer, -1: none yet
    std::string body;
    [[nodiscard]] Document json() const { return Document::parse(body); }
  };

  HttpAnswer http(const std::string& target, const std::string& body,
                  const std::string& content_type = "application/json") {
    const RequestId id = api_.on_request({"POST", target, content_type, body, "127.0.0.1"}, now);
    collect();
    return answer_to(id);
  }
  HttpAnswer answer_to(RequestId id) {
    for (const auto& reply : replies_) {
      if (reply.request == id) {
        return reply.reply ? HttpAnswer{reply.reply->status, reply.reply->body} : HttpAnswer{0, ""};
      }
    }
    return {-1, ""};
  }
  Document info(const Document& request) {
    const auto answer = http("/info", request.dump());
    EXPECT_EQ(answer.status, 200) << request << " " << answer.body;
    return answer.status == 200 ? answer.json() : Document{};
  }
  [[nodiscard]] std::string signed_body(const hl::Action& action) {
    hl::ActionEnvelope envelope;
    envelope.nonce = static_cast<std::uint64_t>(now) + ++nonces_;
    const auto signed_action = hl::sign_action(key_, hl::Network::kTestnet, action, envelope);
    return hl::exchange_body(action, envelope, signed_action.signature);
  }
  HttpAnswer act(const hl::Action& action) { return http("/exchange", signed_body(action)); }

  static hl::Action order(std::string_view price, std::string_view size, bool is_buy = true,
                          hl::WireTif tif = hl::WireTif::kGtc, std::uint64_t asset = 0) {
    hl::WireOrder one;
    one.asset = asset;
    one.is_buy = is_buy;
    one.price = Price{number(price)};
    one.quantity = Quantity{number(size)};
    one.type = hl::LimitType{tif};
    hl::OrderAction action;
    action.orders.push_back(one);
    return action;
  }

  ConnectionId connect() {
    const auto id = api_.open_connection("127.0.0.1", now);
    EXPECT_TRUE(id.has_value());
    collect();
    return id.value_or(0);
  }
  void say(ConnectionId connection, const Document& message) {
    say_bytes(connection, message.dump());
  }
  void say_bytes(ConnectionId connection, const std::string& bytes) {
    api_.on_text(connection, bytes, now);
    collect();
  }
  void subscribe(ConnectionId connection, const Document& subscription) {
    say(connection, {{"method", "subscribe"}, {"subscription", subscription}});
  }
  void advance(Millis by) {
    for (Millis passed = 0; passed < by; passed += 10) {
      now += std::min<Millis>(10, by - passed);
      api_.on_timer(now);
    }
    collect();
  }
  HttpAnswer command(const std::string& target, const Document& body) {
    const HttpReply reply = control(api_, "POST", target, body.dump(), now);
    collect();
    return {reply.status, reply.body};
  }
  /// The frames since the last call, of one channel (all if empty).
  std::vector<Document> frames(const std::string& channel = "") {
    std::vector<Document> result;
    std::vector<std::string> rest;
    for (auto& text : frames_) {
      const Document frame = Document::parse(text, nullptr, false);
      if (channel.empty() || (frame.is_object() && frame.value("channel", "") == channel)) {
        result.push_back(frame);
      } else {
        rest.push_back(std::move(text));
      }
    }
    frames_ = std::move(rest);
    return result;
  }
  std::vector<ApiOutput::Close> closes;

 private:
  void collect() {
    ApiOutput output = api_.take(now);
    for (auto& reply : output.replies) {
      replies_.push_back(std::move(reply));
    }
    for (const auto& frame : output.frames) {
      frames_.push_back(*frame.text);
    }
    closes.insert(closes.end(), output.closes.begin(), output.closes.end());
  }

  SigningKey key_;
  std::unique_ptr<Exchange> exchange_;
  VenueApi api_;
  std::vector<ApiOutput::Reply> replies_;
  std::vector<std::string> frames_;
  std::uint64_t nonces_ = 0;
};

}  // namespace perpwire::sim::testing
