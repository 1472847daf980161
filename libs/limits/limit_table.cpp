#include "libs/limits/limit_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

namespace perpwire::limits {
namespace {

std::string name_of(const LimitEntry& entry) {
  return fmt::format("limits of {} {}", entry.account.value(), entry.trading_pair.value());
}

tl::unexpected<Error> refuse(const LimitEntry& entry, std::string_view why) {
  return fail(ErrorCode::kInvalidCommand, fmt::format("{}: {}", name_of(entry), why));
}

/// The figures of an entry as text, by control: for comparing and printing.
std::array<std::pair<std::string_view, std::string>, 6> figures(const LimitEntry& entry) {
  const auto text = [](const auto& figure) { return figure ? figure->to_string() : std::string{}; };
  const auto count = [](const std::optional<std::uint32_t>& figure) {
    return figure ? std::to_string(*figure) : std::string{};
  };
  return {{{"max_order_notional", text(entry.max_order_notional)},
           {"max_position", text(entry.max_position)},
           {"max_position_notional", text(entry.max_position_notional)},
           {"max_open_orders", count(entry.max_open_orders)},
           {"price_collar_bps", count(entry.price_collar_bps)},
           {"max_daily_loss", text(entry.max_daily_loss)}}};
}

Status validate(const LimitEntry& entry) {
  if (entry.account.empty()) return refuse(entry, "expected the name of an account, found none");
  if (entry.trading_pair.empty()) return refuse(entry, "expected a trading pair or *, found none");
  bool any = false;
  for (const auto& [control, figure] : figures(entry)) {
    if (figure.empty()) continue;
    any = true;
    if (figure.front() == '-') {
      return refuse(entry, fmt::format("{}: expected 0 or more, found {}", control, figure));
    }
  }
  if (!any) return refuse(entry, "expected at least one figure, found none");
  if (entry.max_daily_loss && entry.trading_pair.value() != kEveryPair) {
    return refuse(entry, "max_daily_loss is account-wide: expected it in the entry of *");
  }
  return {};
}

template <class T>
const std::optional<T>& either(const std::optional<T>& own, const std::optional<T>& inherited) {
  return own ? own : inherited;
}

PairLimits resolve(const LimitEntry& own, const LimitEntry& defaults) {
  return PairLimits{
      .max_order_notional = either(own.max_order_notional, defaults.max_order_notional),
      .max_position = either(own.max_position, defaults.max_position),
      .max_position_notional = either(own.max_position_notional, defaults.max_position_notional),
      .max_open_orders = either(own.max_open_orders, defaults.max_open_orders),
      .max_account_open_orders = defaults.max_open_orders,
      .price_collar_bps = either(own.price_collar_bps, defaults.price_collar_bps),
      .max_daily_loss = defaults.max_daily_loss,
  };
}

auto key_of(const LimitEntry& entry) {
  return std::tuple(entry.account.value(), entry.trading_pair.value() != kEveryPair,
                    entry.trading_pair.value());
}

}  // namespace

std::optional<std::string_view> first_missing_control(const PairLimits& limits) {
  if (!limits.max_order_notional) return "max_order_notional";
  if (!limits.max_position && !limits.max_position_notional) return "max_position";
  if (!limits.max_open_orders) return "max_open_orders";
  if (!limits.price_collar_bps) return "price_collar_bps";
  if (!limits.max_daily_loss) return "max_daily_loss";
  return std::nullopt;
}

Result<LimitTable> LimitTable::make(std::vector<LimitEntry> entries) {
  for (const auto& entry : entries) {
    if (auto valid = validate(entry); !valid) return tl::unexpected<Error>(valid.error());
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return key_of(a) < key_of(b); });
  const auto doubled = std::adjacent_find(entries.begin(), entries.end(), [](auto& a, auto& b) {
    return a.account == b.account && a.trading_pair == b.trading_pair;
  });
  if (doubled != entries.end()) return refuse(*doubled, "stated twice");

  LimitTable table;
  LimitEntry defaults;  // of the account at hand: its "*" sorts first
  for (const auto& entry : entries) {
    if (entry.account != defaults.account) {
      defaults = LimitEntry{};
      defaults.account = entry.account;
    }
    auto& account = table.accounts_[entry.account.value()];
    if (entry.trading_pair.value() == kEveryPair) {
      defaults = entry;
      account.defaults = resolve(entry, entry);
    } else {
      account.pairs[entry.trading_pair.value()] = resolve(entry, defaults);
    }
  }
  table.entries_ = std::move(entries);
  return table;
}

const PairLimits* LimitTable::find(std::string_view account, std::string_view trading_pair) const {
  const auto owner = accounts_.find(account);
  if (owner == accounts_.end()) return nullptr;
  const auto own = owner->second.pairs.find(trading_pair);
  if (own != owner->second.pairs.end()) return &own->second;
  return owner->second.defaults ? &*owner->second.defaults : nullptr;
}

std::vector<std::string> differences(const LimitTable& before, const LimitTable& after) {
  using Key = std::tuple<std::string, bool, std::string>;
  std::map<Key, std::pair<LimitEntry, LimitEntry>> both;
  for (const auto& entry : before.entries()) both[key_of(entry)].first = entry;
  for (const auto& entry : after.entries()) both[key_of(entry)].second = entry;

  std::vector<std::string> lines;
  const auto shown = [](const std::string& figure) { return figure.empty() ? "none" : figure; };
  for (const auto& [key, pair] : both) {
    const auto old_figures = figures(pair.first);
    const auto new_figures = figures(pair.second);
    for (std::size_t i = 0; i < old_figures.size(); ++i) {
      if (old_figures[i].second == new_figures[i].second) continue;
      lines.push_back(fmt::format("{} {} {}: {} -> {}", std::get<0>(key), std::get<2>(key),
                                  old_figures[i].first, shown(old_figures[i].second),
                                  shown(new_figures[i].second)));
    }
  }
  return lines;
}

}  // namespace perpwire::limits
