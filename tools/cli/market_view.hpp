#pragma once

#include "libs/common/time.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <optional>
#include <string>

namespace perpwire::cli {

/// A market data message for people, ending in a new line. `arrived`: when it reached us; adds the
/// delays venue -> receive -> publish -> here. Books show `depth` levels.
std::string market_text(const v1::Envelope& envelope, std::optional<UnixNanos> arrived,
                        unsigned depth);

}  // namespace perpwire::cli
