// The venue's asset map: an answer of /info in each of the three places, the others as they should
// be. An error, or instruments of which each is found by its pair, its coin and its number.
#include "libs/common/assert.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace perpwire;
using namespace perpwire::hyperliquid;

namespace {

constexpr const char* kMeta =
    R"({"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":1}],)"
    R"("marginTables":[],"collateralToken":0})";

void build(const InstrumentSources& sources) {
  const auto built = Instruments::build(sources);
  if (!built) {
    PW_ASSERT(!built.error().text.empty());
    return;
  }
  for (const auto& instrument : built->all()) {
    PW_ASSERT(built->by_pair(instrument.trading_pair) != nullptr);
    PW_ASSERT(built->by_symbol(instrument.venue_symbol.value()) != nullptr);
    PW_ASSERT(built->by_asset(instrument.asset) != nullptr);
    ignore(instrument.check_price(Price{Decimal{1}}), "only that it survives");
    ignore(instrument.check_quantity(Quantity{Decimal{1}}), "only that it survives");
    (void)instrument.valid_price_at_or_below(Price{Decimal::of(123'456'789, -4)});
    (void)instrument.valid_price_at_or_above(Price{Decimal::of(123'456'789, -4)});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  InstrumentSources meta;
  meta.perp_dexs = "[null]";
  meta.metas.push_back({"", text});
  build(meta);
  InstrumentSources builder;
  builder.perp_dexs = text;
  builder.metas.push_back({"hyna", kMeta});
  build(builder);
  InstrumentSources spot;
  spot.perp_dexs = "[null]";
  spot.spot_meta = text;
  spot.metas.push_back({"", kMeta});
  build(spot);
  return 0;
}
