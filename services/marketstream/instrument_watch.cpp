#include "services/marketstream/instrument_watch.hpp"

#include <algorithm>
#include <set>

namespace perpwire::marketstream {

InstrumentWatch::Changes InstrumentWatch::update(hyperliquid::Instruments instruments) {
  const auto before = std::exchange(instruments_, std::move(instruments));
  known_ = true;
  Changes out;
  for (const auto& instrument : instruments_.all()) {
    const auto* old = before.by_pair(instrument.trading_pair);
    if (old != nullptr && *old == instrument) continue;
    out.changed.push_back(&instrument);
    const bool traded_before = old != nullptr && !old->delisted;
    if (traded_before && instrument.delisted) out.delisted.push_back(&instrument);
    if (!traded_before && !instrument.delisted) out.listed.push_back(&instrument);
  }
  return out;
}

std::vector<std::string> resolve_symbols(const std::vector<std::string>& symbols,
                                         const std::vector<std::string>& dexs,
                                         const hyperliquid::Instruments& instruments,
                                         std::vector<std::string>& unknown) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  const auto take = [&](const std::string& pair) {
    if (seen.insert(pair).second) out.push_back(pair);
  };
  for (const auto& symbol : symbols) {
    if (symbol == "*") {
      for (const auto& instrument : instruments.all()) {
        if (instrument.kind != hyperliquid::InstrumentKind::kPerpetual || instrument.delisted)
          continue;
        if (std::find(dexs.begin(), dexs.end(), instrument.dex) == dexs.end()) continue;
        take(instrument.trading_pair.value());
      }
    } else if (instruments.by_pair(TradingPair{symbol}) != nullptr) {
      take(symbol);
    } else {
      unknown.push_back(symbol);
    }
  }
  return out;
}

}  // namespace perpwire::marketstream
