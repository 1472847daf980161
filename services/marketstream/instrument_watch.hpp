#pragma once

#include "libs/venues/hyperliquid/instruments.hpp"

#include <string>
#include <vector>

namespace perpwire::marketstream {

/// Successive definitions of a venue's instruments, and what changed between them. Pure.
class InstrumentWatch {
 public:
  struct Changes {
    std::vector<const hyperliquid::Instrument*> changed;   // new ones too; to be published
    std::vector<const hyperliquid::Instrument*> delisted;  // traded before
    std::vector<const hyperliquid::Instrument*> listed;    // new, or traded again
  };

  /// Takes a new definition. Lifetime: the pointers are this object's, until the next call.
  Changes update(hyperliquid::Instruments instruments);
  [[nodiscard]] const hyperliquid::Instruments& instruments() const { return instruments_; }
  [[nodiscard]] bool known() const { return known_; }

 private:
  hyperliquid::Instruments instruments_;
  bool known_ = false;
};

/// The pairs that a list of symbols names: pairs as they are, "*" = all perps of `dexs` that are
/// traded.
///
/// Returns: pairs without repetition, in the venue's order for "*"; those that the venue does not
/// know go to `unknown`.
std::vector<std::string> resolve_symbols(const std::vector<std::string>& symbols,
                                         const std::vector<std::string>& dexs,
                                         const hyperliquid::Instruments& instruments,
                                         std::vector<std::string>& unknown);

}  // namespace perpwire::marketstream
