#pragma once

#include "libs/common/hex.hpp"

#include <array>
#include <cstdint>

namespace perpwire {

using Hash256 = std::array<std::uint8_t, 32>;

/// Keccak-256 as Ethereum uses it: the original padding (0x01), not that of FIPS 202's SHA3-256.
Hash256 keccak256(ByteView data);

}  // namespace perpwire
