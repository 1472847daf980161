#include "tools/venue-sim/core/account_actions.hpp"

#include "tools/venue-sim/core/margin.hpp"
#include "tools/venue-sim/core/settlement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace perpwire::sim {
namespace {

constexpr std::int64_t kDay = 86'400'000;
constexpr Millis kLongestAgent = 180 * kDay;

ActionResult error(std::string text) { return ActionResult::error(std::move(text)); }

Money from_micros(std::int64_t micros) { return Money{Int128{micros} * 100}; }

// " valid_until <ms>" at the end of an agent's name sets its expiry. Section 3.2.
std::optional<Millis> split_expiry(std::string& name) {
  constexpr std::string_view kMark = " valid_until ";
  const auto at = name.find(kMark);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  Millis until = 0;
  const char* first = name.data() + at + kMark.size();
  const auto [end, code] = std::from_chars(first, name.data() + name.size(), until);
  if (code != std::errc{} || end != name.data() + name.size()) {
    return std::nullopt;
  }
  name.resize(at);
  return until;
}

}  // namespace

ActionResult AccountActions::run(AccountIndex index, const ScheduleCancel& action) {
  Account& account = state_.accounts[index];
  if (!action.time) {
    account.scheduled_cancel.reset();
    return {};
  }
  if (account.volume < whole_money(1'000'000)) {
    return error(
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. "
        "Traded: $" +
        money_text(account.volume) + ".");
  }
  if (*action.time < state_.now + 5000) {
    return error("Scheduled cancel time must be at least 5 seconds in the future.");
  }
  if (account.cancel_day == state_.now / kDay && account.cancels_triggered >= 10) {
    return error("Cannot set scheduled cancel time: too many triggers today.");
  }
  account.scheduled_cancel = *action.time;
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const UpdateLeverage& action) {
  const Market* market = state_.universe.by_asset(action.asset);
  if (market == nullptr || !market->is_perp()) {
    return error("Invalid asset.");
  }
  if (action.leverage < 1 || action.leverage > market->max_leverage) {
    return error("Invalid leverage value");
  }
  if (action.is_cross && market->margin_mode != MarginMode::kNormal) {
    return error("Cross margin is not allowed for this asset.");
  }
  Holding& holding = state_.holding(index, market->index);
  if (holding.is_cross != action.is_cross && !holding.position.size.is_zero()) {
    return error("Cannot switch leverage type with open position.");
  }
  const Holding before = holding;
  holding.is_cross = action.is_cross;
  holding.leverage = static_cast<int>(action.leverage);
  if (before.position.size.is_zero() || holding.leverage >= before.leverage) {
    return {};
  }
  if (holding.is_cross) {
    if (!can_carry(state_, index, market->index, Side::kBuy, Lots{})) {
      holding = before;
      return error(
          "Cross position does not have sufficient margin available to decrease leverage.");
    }
    return {};
  }
  const Money value = signed_value(state_, market->index, holding.position.size);
  const Money wanted = initial_margin(value.abs(), holding.leverage);
  const Money missing = std::max(Money{}, wanted - (holding.position.isolated_usd + value));
  if (missing > withdrawable(index, market->dex)) {
    holding = before;
    return error(
        "Isolated position does not have sufficient margin available to decrease leverage.");
  }
  state_.accounts[index].perp_usd[market->dex] -= missing;
  holding.position.isolated_usd += missing;
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const UpdateIsolatedMargin& action) {
  const Market* market = state_.universe.by_asset(action.asset);
  if (market == nullptr || !market->is_perp()) {
    return error("Invalid asset.");
  }
  if (action.usd_micros == 0) {
    return error("Update to isolated margin cannot be zero.");
  }
  Holding& holding = state_.holding(index, market->index);
  if (holding.position.size.is_zero()) {
    return error("Cannot update margin for empty position.");
  }
  if (holding.is_cross) {
    return error("Position does not use isolated margin.");
  }
  const Money change = from_micros(action.usd_micros);
  if (change.is_negative()) {
    if (market->margin_mode == MarginMode::kStrictIsolated) {
      return error(
          "Cannot remove isolated margin for this asset. To remove margin, reduce the position.");
    }
    const Money value = signed_value(state_, market->index, holding.position.size);
    const Money left = holding.position.isolated_usd + value + change;
    const Money needed =
        std::max(initial_margin(value.abs(), holding.leverage), Money{value.abs().value / 10});
    if (left < needed) {
      return error("Position does not have sufficient margin for reduction.");
    }
  } else if (change > withdrawable(index, market->dex)) {
    return error("Account does not have sufficient margin available for increase.");
  }
  state_.accounts[index].perp_usd[market->dex] -= change;
  holding.position.isolated_usd += change;
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const CreateSubAccount& action) {
  if (action.name.empty() || action.name.size() > 16) {
    return error("Invalid sub-account name.");
  }
  Account sub;
  const std::uint64_t first = mix64(state_.transactions ^ 0x737562U);
  sub.address = Address{fmt::format("0x{:016x}{:016x}{:08x}", first, mix64(first),
                                    static_cast<std::uint32_t>(mix64(first + 1)))};
  sub.name = action.name;
  sub.master = index;
  ActionResult result;
  result.kind = ActionResult::Kind::kText;
  result.type = "createSubAccount";
  result.text = sub.address.value();
  state_.accounts.add(std::move(sub));
  return result;
}

ActionResult AccountActions::run(AccountIndex index, const SubAccountTransfer& action) {
  const auto sub = state_.accounts.find(action.sub_account);
  if (!sub || state_.accounts[*sub].master != index) {
    return error("Invalid sub-account transfer.");
  }
  const Money amount = from_micros(action.usd_micros);
  const AccountIndex from = action.is_deposit ? index : *sub;
  const AccountIndex to = action.is_deposit ? *sub : index;
  if (!amount.is_positive() || amount > withdrawable(from, 0)) {
    return error("Insufficient balance for token transfer");
  }
  state_.accounts[from].perp_usd[0] -= amount;
  state_.accounts[to].perp_usd[0] += amount;
  LedgerEntry entry;
  entry.type = "subAccountTransfer";
  entry.texts = {{"usdc", money_text(amount)},
                 {"user", state_.accounts[from].address.value()},
                 {"destination", state_.accounts[to].address.value()}};
  add_ledger(state_, from, entry);
  add_ledger(state_, to, entry);
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const ReserveRequestWeight& action) {
  // 0.0005 USDC each, from the perp balance. Section 5.3.
  const Money price{Int128{action.weight} * 50'000};
  if (action.weight <= 0 || price > withdrawable(index, 0)) {
    return error("Insufficient balance for token transfer");
  }
  state_.accounts[index].perp_usd[0] -= price;
  state_.accounts[state_.maker].perp_usd[0] += price;
  state_.accounts[index].reserved_requests += static_cast<std::uint64_t>(action.weight);
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const ApproveAgent& action) {
  std::string name = action.name;
  const auto until = split_expiry(name);
  if (name.size() > 16) {
    return error("Invalid agent name.");
  }
  if (until && (*until <= state_.now || *until > state_.now + kLongestAgent)) {
    return error("Invalid agent expiry.");
  }
  if (state_.accounts.find(action.agent)) {
    return error("Invalid agent address.");
  }
  auto& agents = state_.accounts.agents;
  // The unnamed one, or the one of the same name, is replaced.
  std::size_t named = 0;
  for (auto agent = agents.begin(); agent != agents.end();) {
    const bool is_same = agent->second.master == index && agent->second.name == name;
    named += agent->second.master == index && !agent->second.name.empty() && !is_same ? 1U : 0U;
    agent = is_same ? agents.erase(agent) : std::next(agent);
  }
  if (!name.empty() && named >= 3) {
    return error("Too many agents.");
  }
  agents[action.agent] = Agent{index, name, until};
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const ApproveBuilderFee& action) {
  if (action.tenths_of_bp < 0 || action.tenths_of_bp > 1000) {
    return error("Invalid builder fee.");
  }
  state_.accounts[index].builder_approvals[action.builder] = action.tenths_of_bp;
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const UsdSend& action) {
  const auto amount = to_money(action.amount);
  if (!amount || !amount->is_positive() || *amount > withdrawable(index, 0)) {
    return error("Insufficient balance for withdrawal");
  }
  const AccountIndex to = find_or_make(action.destination);
  state_.accounts[index].perp_usd[0] -= *amount;
  state_.accounts[to].perp_usd[0] += *amount;
  LedgerEntry entry;
  entry.type = "internalTransfer";
  entry.texts = {{"usdc", money_text(*amount)},
                 {"user", state_.accounts[index].address.value()},
                 {"destination", state_.accounts[to].address.value()},
                 {"fee", "0.0"}};
  add_ledger(state_, index, entry);
  add_ledger(state_, to, entry);
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const UsdClassTransfer& action) {
  const auto amount = to_money(action.amount);
  Money& spot = state_.accounts[index].spot[0].total;
  const Money available = action.to_perp
                              ? spot - spot_hold(state_, state_.accounts, state_.accounts[index], 0)
                              : withdrawable(index, 0);
  if (!amount || !amount->is_positive() || *amount > available) {
    return error("Insufficient balance for token transfer");
  }
  const Money change = action.to_perp ? *amount : -*amount;
  spot -= change;
  state_.accounts[index].perp_usd[0] += change;
  LedgerEntry entry;
  entry.type = "accountClassTransfer";
  entry.texts = {{"usdc", money_text(*amount)}};
  entry.to_perp = action.to_perp;
  add_ledger(state_, index, std::move(entry));
  return {};
}

ActionResult AccountActions::run(AccountIndex index, const SendAsset& action) {
  const std::string name = action.token.substr(0, action.token.find(':'));
  const Token* token = nullptr;
  for (const auto& known : state_.universe.tokens) {
    token = known.name == name ? &known : token;
  }
  if (token == nullptr) {
    return error("Unknown token " + name);
  }
  const auto amount = to_money(action.amount);
  if (!amount || !amount->is_positive()) {
    return error("Invalid send");
  }
  const auto place = [&](const std::string& dex) -> std::optional<std::size_t> {
    const auto found = state_.universe.dex_index(dex);
    return found && state_.universe.dexs[*found].collateral_token == token->index ? found
                                                                                  : std::nullopt;
  };
  const bool from_spot = action.source_dex == "spot";
  const bool to_spot = action.destination_dex == "spot";
  const auto from = from_spot ? std::optional<std::size_t>{0} : place(action.source_dex);
  const auto to = to_spot ? std::optional<std::size_t>{0} : place(action.destination_dex);
  if (!from || !to) {
    return error("Invalid perp DEX");
  }
  const Money available =
      from_spot ? state_.accounts[index].spot[token->index].total -
                      spot_hold(state_, state_.accounts, state_.accounts[index], token->index)
                : withdrawable(index, *from);
  if (*amount > available) {
    return error("Insufficient balance for token transfer");
  }
  const AccountIndex receiver = find_or_make(action.destination);
  (from_spot ? state_.accounts[index].spot[token->index].total
             : state_.accounts[index].perp_usd[*from]) -= *amount;
  (to_spot ? state_.accounts[receiver].spot[token->index].total
           : state_.accounts[receiver].perp_usd[*to]) += *amount;
  LedgerEntry entry;
  entry.type = "send";
  entry.texts = {{"user", state_.accounts[index].address.value()},
                 {"destination", state_.accounts[receiver].address.value()},
                 {"sourceDex", action.source_dex},
                 {"destinationDex", action.destination_dex},
                 {"token", token->name},
                 {"amount", money_text(*amount)},
                 {"usdcValue", money_text(*amount)},
                 {"fee", "0.0"}};
  add_ledger(state_, index, entry);
  if (receiver != index) {
    add_ledger(state_, receiver, entry);
  }
  return {};
}

void AccountActions::deposit(AccountIndex account, std::size_t dex, Money amount) {
  state_.accounts[account].perp_usd[dex] += amount;
  LedgerEntry entry;
  entry.type = "deposit";
  entry.texts = {{"usdc", money_text(amount)}};
  add_ledger(state_, account, std::move(entry));
}

void AccountActions::deposit_spot(AccountIndex account, int token, Money amount) {
  SpotBalance& balance = state_.accounts[account].spot[token];
  balance.total += amount;
}

Money AccountActions::withdrawable(AccountIndex account, std::size_t dex) const {
  return dex_margin(state_, state_.accounts[account], dex).withdrawable;
}

AccountIndex AccountActions::find_or_make(const Address& address) {
  if (const auto known = state_.accounts.find(address)) {
    return *known;
  }
  Account account;
  account.address = address;
  return state_.accounts.add(std::move(account));
}

}  // namespace perpwire::sim
