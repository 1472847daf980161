#pragma once

#include "libs/common/curve_door.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/service.hpp"
#include "libs/net/http_client.hpp"
#include "services/order-gateway/account_engine.hpp"
#include "services/order-gateway/asset_map_client.hpp"
#include "services/order-gateway/command_endpoint.hpp"
#include "services/order-gateway/event_publisher.hpp"
#include "services/order-gateway/id_file.hpp"
#include "services/order-gateway/journal_trimmer.hpp"
#include "services/order-gateway/market_feed.hpp"
#include "services/order-gateway/ready_watch.hpp"
#include "services/order-gateway/reference_prices.hpp"
#include "services/order-gateway/replay_endpoint.hpp"
#include "services/order-gateway/risk_gate.hpp"
#include "services/order-gateway/signer_client.hpp"
#include "services/order-gateway/venue_link.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::gateway {

/// The process: one engine and one link for each account, and the sockets around them. Decides
/// nothing itself.
/// Thread: the io_context's. Owned by main.
class GatewayApp {
 public:
  explicit GatewayApp(ServiceContext& context);
  ~GatewayApp();

  void start();

 private:
  struct Account {
    std::unique_ptr<AccountEngine> engine;
    std::unique_ptr<VenueLink> link;
    ReadyWatch watch = {};
    std::string told_reason = {};  // of the metric
  };
  struct Timer;

  void restore(const v1::JournalRecord& record);
  void on_instruments(hyperliquid::Instruments instruments);
  v1::Reply on_command(const v1::Command& command, Now received);
  v1::Reply on_halt(const v1::Command& command);
  void obey(const RiskGate::Change& change);
  Account* account_of(const v1::Command& command, std::string& problem);
  void tick();
  void stop(std::function<void()> done);
  void observe_answers(const std::string& name, AccountEngine& engine);
  void measure();
  void watch_ready(const std::string& name, Account& account, Nanos now);
  void fill_heartbeat(v1::Heartbeat& heartbeat);
  [[nodiscard]] std::string overall_state() const;

  ServiceContext& context_;
  const Settings& settings_;
  CurveDoor door_;  // before the sockets behind it
  std::optional<CurveClient> signer_curve_;
  ReferencePrices references_;
  RiskGate risk_;
  std::unique_ptr<VenueBudget> budget_;
  std::unique_ptr<IdFile> ids_;
  std::map<std::string, Account> accounts_;
  std::unique_ptr<EventPublisher> events_;
  std::unique_ptr<JournalTrimmer> trimmer_;
  std::unique_ptr<net::HttpClient> http_;
  std::vector<std::unique_ptr<hyperliquid::Instruments>> instruments_;  // engines keep references
  std::unique_ptr<AssetMapClient> asset_map_;
  std::unique_ptr<SignerClient> signer_;
  std::unique_ptr<MarketFeed> market_;
  std::unique_ptr<RiskFeed> risk_feed_;
  std::unique_ptr<CommandEndpoint> commands_;
  std::unique_ptr<ReplayEndpoint> replay_;
  std::unique_ptr<Timer> timer_;
  Nanos next_measure_{0};
  bool stopping_ = false;
};

}  // namespace perpwire::gateway
