#pragma once

#include "libs/common/bus_subscriber.hpp"
#include "libs/common/curve_door.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/settings.hpp"
#include "services/risk/control_endpoint.hpp"
#include "services/risk/engine.hpp"
#include "services/risk/gateway_link.hpp"
#include "services/risk/halt_procedure.hpp"
#include "services/risk/kill_switch.hpp"
#include "services/risk/limits_memory.hpp"
#include "services/risk/recovery.hpp"
#include "services/risk/risk_store.hpp"
#include "services/risk/signer_lock.hpp"
#include "services/risk/venue_canceller.hpp"

#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {
class ServiceContext;
}

namespace perpwire::risk {

/// What risk is made of, from the configuration. Throws ConfigError naming the key.
struct RiskConfig {
  std::string instance;
  VenueSettings venue;
  std::vector<AccountSettings> accounts;  // of the venue
  EngineConfig engine;
  KillSwitchConfig kill_switch;
  HaltConfig halt;
  RiskStoreConfig journal;
  GatewayLinkConfig gateway;
  VenueCancellerConfig canceller;
  std::string control;      // endpoint
  std::string market_data;  // endpoint
  std::string limits_file;  // empty: none
  std::string on_limits_difference;
  std::vector<std::string> allow_builds;

  static RiskConfig from(const ServiceContext& context);
};

/// Brings the pure parts (Engine, KillSwitch, HaltProcedure) and the I/O together: hands on what
/// comes in, keeps what must survive, says what changed, does what is asked.
///
/// Order for every change: journal, heartbeat and event, then the gateway.
/// Threads: the io_context's. Lifetime: `context` outlives it.
class RiskService {
 public:
  /// Plays the journal, chooses the limits, opens the sockets. Throws ConfigError.
  RiskService(ServiceContext& context, RiskConfig config);
  ~RiskService();

 private:
  void recover();
  limits::LimitTable read_limits_file(const std::string& file) const;
  void take_limits(LimitsMemory memory);

  void on_gateway_event(std::string_view topic, const v1::Envelope& envelope);
  void on_gateway_lost(std::string_view stream, std::uint64_t count);
  void on_ticker(const v1::Envelope& envelope);
  void on_tick();
  void on_second();
  void follow_gateway();
  void keep_marks();
  void keep_adoption(const Adoption& adoption);

  Status operator_status(const v1::RiskCommand& command, v1::RiskReply& reply) const;
  Status operator_halt(const v1::RiskCommand& command, v1::RiskReply& reply);
  Status operator_resume(const v1::RiskCommand& command, v1::RiskReply& reply);
  Status operator_set_limits(const v1::RiskCommand& command, v1::RiskReply& reply);
  void on_reload(const Settings& settings);

  void perform(const HaltActions& actions);
  void perform(const TellGateway& action);
  void perform(const AskOpenOrders& action);
  void perform(const AskPositions& action);
  void perform(const CancelOrders& action);
  void perform(const ClosePosition& action);
  void perform(const Report& action);

  void say_breaches(const std::vector<Breach>& breaches);
  /// Keeps and tells a change of the level, and starts or ends what it demands.
  void follow_level();
  void follow_lock();
  void say_state();
  void fill_state(v1::RiskState& out) const;
  void publish(std::string_view event, v1::Envelope& envelope);
  void keep(v1::JournalRecord record);
  void on_journal_failure(const Error& error);
  void refresh_metrics();

  ServiceContext& context_;
  RiskConfig config_;
  CurveDoor door_;  // before the sockets behind it
  KillSwitch kill_switch_;
  Engine engine_;
  LimitsMemory limits_;
  HaltProcedure halt_;
  SignerLock signer_lock_;
  std::string said_lock_;  // the last failure in the log
  std::optional<StreamPosition> gateway_start_;
  std::unique_ptr<RiskStore> store_;
  std::unique_ptr<VenueCanceller> canceller_;
  std::unique_ptr<GatewayLink> gateway_;
  std::unique_ptr<BusSubscriber> market_;
  std::unique_ptr<ControlEndpoint> control_;
  boost::asio::steady_timer timer_;

  std::uint64_t told_version_ = 0;
  std::uint64_t warned_version_ = 0;
  bool said_confirmed_ = false;
  std::string said_state_;  // the last published, but for its numbers
  Nanos next_second_{};
  Nanos next_state_{};
  Nanos next_marks_{};
  std::optional<Nanos> behind_since_;
  bool journal_failed_ = false;
  std::uint64_t closes_ = 0;
};

}  // namespace perpwire::risk
