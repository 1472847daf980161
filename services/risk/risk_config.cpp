#include "libs/common/service.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"
#include "services/risk/risk_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace perpwire::risk {
namespace {

RiskLevel level_of(const std::string& word) {
  return limits::risk_level_from_string(word).value_or(
      RiskLevel::kCancelAll);  // checked on reading
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const VenueSettings& only_venue(const Settings& settings) {
  const VenueSettings* venue = nullptr;
  for (const auto& [name, account] : settings.accounts) {
    const auto& its = settings.venues.at(account.venue);
    if (venue != nullptr && venue != &its) {
      throw ConfigError(
          fmt::format("{}: accounts: expected accounts of one venue for an instance "
                      "of risk, found {} and {}",
                      settings.file.string(), venue->name, its.name));
    }
    venue = &its;
  }
  if (venue == nullptr) {
    throw ConfigError(fmt::format("{}: accounts: expected at least one [accounts.NAME], found none",
                                  settings.file.string()));
  }
  return *venue;
}

}  // namespace

RiskConfig RiskConfig::from(const ServiceContext& context) {
  const Settings& settings = context.settings();
  RiskConfig config;
  config.instance = context.instance();
  config.venue = only_venue(settings);
  if (config.venue.name != "hyperliquid") {
    throw ConfigError(
        fmt::format("{}: accounts: expected venue hyperliquid, found {}: risk has no "
                    "cancel path of its own to others yet",
                    settings.file.string(), config.venue.name));
  }
  for (const auto& [name, account] : settings.accounts) {
    config.accounts.push_back(account);
    config.engine.accounts.insert(name);
    config.halt.accounts.push_back(HaltAccount{.name = name,
                                               .cloid_prefix = lower_case(account.cloid_prefix),
                                               .foreign_orders = account.foreign_orders});
  }
  const RiskSettings& risk = settings.risk;
  config.engine.venue = config.venue.name;
  config.engine.daily_loss_level = level_of(risk.daily_loss_level);
  config.engine.position_level = level_of(risk.position_level);
  config.kill_switch.two_step_resume = risk.resume == "two_step";

  config.halt.dexs = config.venue.dexs;
  config.halt.gateway_ack_deadline = risk.gateway_ack_deadline;
  config.halt.gateway_confirm_deadline = risk.gateway_confirm_deadline;
  config.halt.confirm_interval = risk.confirm_interval;
  // What was signed last before the halt can reach the book until it expires (ARCHITECTURE.md,
  // section 4: venue time past expiresAfter + 2 s).
  config.halt.late_orders = settings.order_gateway.expires_after + std::chrono::seconds{2};
  config.halt.weight_per_minute =
      config.venue.documented_limits
          ? hyperliquid::kRestWeightPerMinute * config.venue.ip_share_risk / 100
          : 0;

  config.journal = RiskStoreConfig{.instance = config.instance,
                                   .data_folder = context.data_folder(),
                                   .run_folder = context.run_folder(),
                                   .events = risk.events,
                                   .replay = risk.replay,
                                   .allow_builds = risk.allow_builds};
  config.gateway.events = settings.order_gateway.events;
  config.gateway.commands = settings.order_gateway.commands;
  config.gateway.replay = settings.order_gateway.replay;
  const auto curve_to = [&](const std::string& endpoint, const CurveIdentity& server) {
    return curve_client(endpoint, server.public_key, risk.curve.key_file, "risk.curve_key");
  };
  const auto& gateway_curve = settings.order_gateway.curve;
  config.gateway.commands_curve = curve_to(config.gateway.commands, gateway_curve);
  config.gateway.replay_curve = curve_to(config.gateway.replay, gateway_curve);
  config.gateway.instance = config.instance;
  // Gateway, signer and risk are of one build, unless the configuration allows another.
  const HelloPolicy one_build{.same_build = true, .allow_builds = risk.allow_builds};
  config.gateway.hello_policy = one_build;
  config.canceller.hello_policy = one_build;
  config.canceller.venue = config.venue;
  config.canceller.accounts = config.accounts;
  config.canceller.signer_endpoint = settings.signer.endpoint;
  config.canceller.signer_curve = curve_to(settings.signer.endpoint, settings.signer.curve);
  config.canceller.instance = config.instance;
  config.canceller.network = std::string(settings.network());
  config.control = risk.control;
  config.market_data = settings.marketstream.events;
  config.limits_file = risk.limits.string();
  config.on_limits_difference = risk.on_limits_difference;
  config.allow_builds = risk.allow_builds;
  return config;
}

}  // namespace perpwire::risk
