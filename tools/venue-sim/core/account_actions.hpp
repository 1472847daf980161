#pragma once

#include "tools/venue-sim/core/action.hpp"
#include "tools/venue-sim/core/venue_state.hpp"

namespace perpwire::sim {

/// Actions that change an account and no order: leverage, margin, transfers, approvals.
/// Error texts: hyperliquid.md section 6.3.
class AccountActions {
 public:
  explicit AccountActions(VenueState& state) : state_(state) {}

  ActionResult run(AccountIndex account, const ScheduleCancel& action);
  ActionResult run(AccountIndex account, const UpdateLeverage& action);
  ActionResult run(AccountIndex account, const UpdateIsolatedMargin& action);
  ActionResult run(AccountIndex account, const CreateSubAccount& action);
  ActionResult run(AccountIndex account, const SubAccountTransfer& action);
  ActionResult run(AccountIndex account, const ReserveRequestWeight& action);
  ActionResult run(AccountIndex account, const ApproveAgent& action);
  ActionResult run(AccountIndex account, const ApproveBuilderFee& action);
  ActionResult run(AccountIndex account, const UsdSend& action);
  ActionResult run(AccountIndex account, const UsdClassTransfer& action);
  ActionResult run(AccountIndex account, const SendAsset& action);

  /// Credits an account (which it makes if need be) with money from outside.
  void deposit(AccountIndex account, std::size_t dex, Money amount);
  void deposit_spot(AccountIndex account, int token, Money amount);

 private:
  [[nodiscard]] Money withdrawable(AccountIndex account, std::size_t dex) const;
  AccountIndex find_or_make(const Address& address);

  VenueState& state_;
};

}  // namespace perpwire::sim
