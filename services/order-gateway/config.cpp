#include "services/order-gateway/config.hpp"

#include "services/order-gateway/order_messages.hpp"

namespace perpwire::gateway {

EngineSettings engine_settings(const Settings& settings, const AccountSettings& account,
                               std::string_view instance, const std::string& boot_id,
                               bool journal_may_be_behind) {
  if (account.venue != kVenue) {
    throw ConfigError("accounts." + account.name + ".venue: expected hyperliquid, found " +
                      account.venue);
  }
  const VenueSettings& venue = settings.venues.at(account.venue);
  const OrderGatewaySettings& own = settings.order_gateway;
  EngineSettings out;
  out.account = account.name;
  out.address = account.address;
  out.network = std::string(settings.network());
  out.cloid_prefix = account.cloid_prefix;
  out.vault = account.vault;
  out.dexs = venue.dexs;
  out.foreign_orders = account.foreign_orders;
  out.holder = "order-gateway." + std::string(instance);
  out.boot_id = boot_id;
  out.expires_after_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(own.expires_after).count());
  out.ws_post = own.ws_post;
  out.max_unanswered = static_cast<std::size_t>(own.max_unanswered);
  out.coalesce_window = own.coalesce_window;
  out.default_slippage_bps = static_cast<std::uint32_t>(own.default_slippage_bps);
  out.reference_stale_after = own.reference_stale_after;
  out.reconcile_interval = own.reconcile_interval;
  out.final_order_retention = own.final_order_retention;
  out.max_final_orders = static_cast<std::size_t>(own.final_orders_max);
  out.stop_after_adjustment = own.stop_after_adjustment;
  out.refuse_self_trade = own.refuse_self_trade;
  out.schedule_cancel = own.schedule_cancel;
  out.schedule_cancel_after = own.schedule_cancel_after;
  out.max_clock_skew = own.max_clock_skew;
  out.documented_limits = venue.documented_limits;
  out.ip_share_percent = static_cast<std::uint64_t>(venue.ip_share_order_gateway);
  out.journal_may_be_behind = journal_may_be_behind;
  return out;
}

}  // namespace perpwire::gateway
