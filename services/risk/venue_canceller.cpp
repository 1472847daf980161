#include "services/risk/venue_canceller.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"
#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/exchange_reply.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/signing.pb.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace perpwire::risk {
namespace {

constexpr const char* kHelloId = "hello";
constexpr unsigned kHttpOk = 200;

std::string endpoint(const VenueSettings& venue, std::string_view path) {
  return fmt::format("{}{}", venue.rest_url, path);
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

VenueCanceller::VenueCanceller(boost::asio::io_context& io, zmq::context_t& context,
                               VenueCancellerConfig config)
    : io_(io), context_(context), config_(std::move(config)), http_(io, [&] {
        net::HttpClientOptions options;
        options.proxy_url = config_.venue.proxy;
        options.tls =
            std::make_shared<net::TlsContext>(net::TlsOptions{.ca_file = config_.venue.ca_file});
        return options;
      }()) {
  connect_signer();  // without the map it can be told to lock the keys, whatever the venue does
  read_assets();
}

VenueCanceller::~VenueCanceller() = default;

void VenueCanceller::ask_info(std::string what, std::string body, Info done) {
  http_.post(endpoint(config_.venue, hyperliquid::kInfoPath), std::move(body),
             {{"Content-Type", "application/json"}}, config_.http_timeout,
             [what = std::move(what), done = std::move(done)](net::HttpResult result) {
               if (!result) {
                 done(fail(result.error().error.code,
                           fmt::format("{}: {}", what, result.error().error.text)));
               } else if (result->status != kHttpOk) {
                 done(fail(ErrorCode::kVenueUnavailable,
                           fmt::format("{}: expected HTTP 200, found {}", what, result->status)));
               } else {
                 done(std::move(result->body));
               }
             });
}

void VenueCanceller::open_orders(std::size_t account, const std::string& dex,
                                 std::function<void(Result<std::vector<VenueOrder>>)> done) {
  const auto& address = config_.accounts[account].address;
  ask_info(fmt::format("open orders of {} dex \"{}\"", config_.accounts[account].name, dex),
           hyperliquid::open_orders_request(address, dex),
           [done = std::move(done)](const Result<std::string>& body) {
             if (!body) return done(tl::unexpected<Error>(body.error()));
             const auto parsed = hyperliquid::parse_open_orders(*body);
             if (!parsed) return done(tl::unexpected<Error>(parsed.error()));
             if (!parsed->problems.empty()) {
               return done(fail(ErrorCode::kMalformed, "open orders: " + parsed->problems.front()));
             }
             std::vector<VenueOrder> orders;
             for (const auto& word : parsed->items) {
               const auto id = to_number(word.venue_order_id.value());
               if (!id) {
                 return done(fail(ErrorCode::kMalformed,
                                  "open orders: expected an order number, "
                                  "found " +
                                      word.venue_order_id.value()));
               }
               orders.push_back(VenueOrder{
                   .coin = word.symbol.value(), .venue_order_id = *id, .cloid = word.cloid});
             }
             done(std::move(orders));
           });
}

void VenueCanceller::positions(std::size_t account, const std::string& dex,
                               std::function<void(Result<std::vector<VenuePosition>>)> done) {
  const auto& address = config_.accounts[account].address;
  ask_info(
      fmt::format("positions of {} dex \"{}\"", config_.accounts[account].name, dex),
      hyperliquid::clearinghouse_request(address, dex),
      [done = std::move(done)](const Result<std::string>& body) {
        if (!body) return done(tl::unexpected<Error>(body.error()));
        const auto parsed = hyperliquid::parse_clearinghouse_state(*body);
        if (!parsed) return done(tl::unexpected<Error>(parsed.error()));
        if (!parsed->positions.problems.empty()) {
          return done(
              fail(ErrorCode::kMalformed, "positions: " + parsed->positions.problems.front()));
        }
        std::vector<VenuePosition> held;
        for (const auto& word : parsed->positions.items) {
          if (word.quantity.is_zero()) continue;
          held.push_back(VenuePosition{.coin = word.symbol.value(), .quantity = word.quantity});
        }
        done(std::move(held));
      });
}

void VenueCanceller::keep_assets() {
  if (!knows_assets() && monotonic_now() - assets_asked_ > config_.assets_retry) read_assets();
}

void VenueCanceller::read_assets() {
  if (reading_assets_) return;
  reading_assets_ = true;
  assets_asked_ = monotonic_now();
  sources_ = {};
  ask_info("perpDexs", R"({"type":"perpDexs"})", [this](Result<std::string> body) {
    if (!body) {
      reading_assets_ = false;
      spdlog::warn("asset map not read reason=\"{}\"", body.error().text);
      return;
    }
    sources_.perp_dexs = std::move(*body);
    read_next_meta();
  });
}

void VenueCanceller::read_next_meta() {
  if (sources_.metas.size() == config_.venue.dexs.size()) {
    finish_assets();
    return;
  }
  const std::string dex = config_.venue.dexs[sources_.metas.size()];
  const std::string body =
      dex.empty() ? R"({"type":"meta"})" : fmt::format(R"({{"type":"meta","dex":"{}"}})", dex);
  ask_info(fmt::format("meta of dex \"{}\"", dex), body, [this, dex](Result<std::string> answer) {
    if (!answer) {
      reading_assets_ = false;
      spdlog::warn("asset map not read reason=\"{}\"", answer.error().text);
      return;
    }
    sources_.metas.push_back({.dex = dex, .answer = std::move(*answer)});
    read_next_meta();
  });
}

void VenueCanceller::finish_assets() {
  reading_assets_ = false;
  auto built = hyperliquid::Instruments::build(sources_);
  sources_ = {};
  if (!built) {
    spdlog::error("asset map not usable reason=\"{}\"", built.error().text);
    return;
  }
  instruments_ = std::move(*built);
  spdlog::info("asset map read instruments={}", instruments_.all().size());
  connect_signer();
}

void VenueCanceller::connect_signer() {
  // Its callbacks end with it, and whoever waits for one would wait for ever.
  signer_is_stale_ = signing_ > 0;
  if (signer_is_stale_) return;
  v1::SignRequest hello;
  hello.set_type("hello");
  hello.set_request_id(kHelloId);
  *hello.mutable_hello() = own_hello("risk", config_.instance);
  for (const auto& instrument : instruments_.all()) {
    auto& asset = *hello.add_assets();
    asset.set_trading_pair(instrument.trading_pair.value());
    asset.set_asset(instrument.asset);
    asset.set_network(config_.network);
  }
  RequestClientConfig client;
  client.endpoint = config_.signer_endpoint;
  client.curve = config_.signer_curve;
  client.hello = hello.SerializeAsString();
  client.hello_request_id = kHelloId;
  client.accept_hello = [policy = config_.hello_policy,
                         ours = hello.hello()](const RequestClient::Reply& parts) -> Status {
    v1::SignReply reply;
    if (auto parsed = parse_payload(parts.front(), reply); !parsed) return parsed;
    Status accepted = check_hello(reply.hello(), ours, policy);
    if (reply.status() == "REJECTED") {
      accepted = fail(ErrorCode::kVersionMismatch, "signer: " + reply.reason());
    }
    if (!accepted) spdlog::error("signer refused reason=\"{}\"", accepted.error().text);
    return accepted;
  };
  signer_ = std::make_unique<RequestClient>(io_, context_, client);
}

Status VenueCanceller::add_cancels(const std::vector<VenueOrder>& orders, v1::SignRequest& by_cloid,
                                   v1::SignRequest& by_id) const {
  Status unknown;
  for (const auto& order : orders) {
    const auto* instrument = instruments_.by_symbol(order.coin);
    if (instrument == nullptr) {  // the others go all the same
      unknown = fail(ErrorCode::kUnknownPair,
                     fmt::format("cancel: coin {} is not in the asset map", order.coin));
    } else if (!order.cloid.empty()) {
      auto& one = *by_cloid.mutable_cancel_by_cloid()->add_cancels();
      one.set_asset(instrument->asset);
      one.set_trading_pair(instrument->trading_pair.value());
      one.set_cloid(order.cloid);
    } else {
      auto& one = *by_id.mutable_cancel()->add_cancels();
      one.set_asset(instrument->asset);
      one.set_trading_pair(instrument->trading_pair.value());
      one.set_venue_order_id(order.venue_order_id);
    }
  }
  return unknown;
}

void VenueCanceller::cancel(std::size_t account, const std::vector<VenueOrder>& orders,
                            std::function<void(Status)> done) {
  const auto& who = config_.accounts[account];
  v1::SignRequest by_cloid;
  by_cloid.set_type("sign");
  by_cloid.set_account(who.name);
  by_cloid.set_network(config_.network);
  if (who.vault) by_cloid.set_vault_address(who.address);
  by_cloid.set_expires_after_ms(
      static_cast<std::uint64_t>(config_.cancel_expires_after.count() / 1'000'000));
  v1::SignRequest by_id = by_cloid;
  const auto unknown = add_cancels(orders, by_cloid, by_id);
  if (!unknown && monotonic_now() - assets_asked_ > config_.assets_retry) read_assets();

  // One after the other; the first thing that went wrong is what is told.
  std::deque<v1::SignRequest> actions;
  if (by_cloid.has_cancel_by_cloid()) actions.push_back(std::move(by_cloid));
  if (by_id.has_cancel()) actions.push_back(std::move(by_id));
  send_all(std::move(actions), unknown, std::move(done));
}

void VenueCanceller::send_all(std::deque<v1::SignRequest> actions, Status so_far,
                              std::function<void(Status)> done) {
  if (actions.empty()) {
    done(so_far);
    return;
  }
  v1::SignRequest next = std::move(actions.front());
  actions.pop_front();
  auto then = [this, actions = std::move(actions), so_far = std::move(so_far),
               done = std::move(done)](const Status& outcome) mutable {
    send_all(std::move(actions), so_far ? outcome : so_far, std::move(done));
  };
  sign_and_post(std::move(next), std::move(then));
}

void VenueCanceller::ask_signer(v1::SignRequest request,
                                std::function<void(Result<v1::SignReply>)> done) {
  request.set_request_id(fmt::format("risk-{}-{}", wall_clock_now().value(), ++last_request_));
  ++signing_;
  signer_->request(
      request.request_id(), request.SerializeAsString(), config_.sign_timeout,
      [this, done = std::move(done)](const Result<RequestClient::Reply>& reply) {
        --signing_;
        if (signer_is_stale_) connect_signer();
        if (!reply || reply->empty()) {
          return done(fail(ErrorCode::kSignerUnavailable,
                           "signer: " + (reply ? "an empty reply" : reply.error().text)));
        }
        v1::SignReply answer;
        if (auto parsed = parse_payload(reply->front(), answer); !parsed) {
          return done(fail(ErrorCode::kSignerUnavailable, "signer: " + parsed.error().text));
        }
        if (answer.status() != "OK") {
          return done(fail(ErrorCode::kSignerRefused,
                           fmt::format("signer: {} {}", answer.code(), answer.reason())));
        }
        done(std::move(answer));
      });
}

void VenueCanceller::sign_and_post(v1::SignRequest request, std::function<void(Status)> done) {
  ask_signer(std::move(request), [this, done = std::move(done)](Result<v1::SignReply> answer) {
    if (!answer) return done(tl::unexpected<Error>(answer.error()));
    if (answer->body().empty()) {
      return done(fail(ErrorCode::kSignerRefused, "signer: a reply without a body"));
    }
    post(answer->body(), done);
  });
}

void VenueCanceller::lock_keys(bool locked, std::function<void(Status)> done) {
  v1::SignRequest request;
  request.set_type(locked ? "lock" : "unlock");
  request.mutable_lease()->set_holder("risk." + config_.instance);
  ask_signer(std::move(request), [done = std::move(done)](const Result<v1::SignReply>& answer) {
    done(answer ? Status{} : tl::unexpected<Error>(answer.error()));
  });
}

void VenueCanceller::post(const std::string& body, std::function<void(Status)> done) {
  http_.post(
      endpoint(config_.venue, hyperliquid::kExchangePath), body,
      {{"Content-Type", "application/json"}}, config_.http_timeout,
      [done = std::move(done)](const net::HttpResult& result) {
        if (!result) {
          return done(fail(result.error().error.code, "cancel: " + result.error().error.text));
        }
        if (result->status != kHttpOk) {
          return done(fail(ErrorCode::kVenueUnavailable,
                           fmt::format("cancel: expected HTTP 200, found {}", result->status)));
        }
        const auto answer = hyperliquid::parse_exchange_reply(result->body);
        if (!answer) return done(tl::unexpected<Error>(answer.error()));
        if (answer->kind == hyperliquid::ExchangeReply::Kind::kRefused) {
          return done(fail(ErrorCode::kVenueRejected, "cancel: " + answer->text));
        }
        done({});
      });
}

}  // namespace perpwire::risk
