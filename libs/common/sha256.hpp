#pragma once

#include "libs/common/hex.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>

namespace perpwire {

/// SHA-256 (FIPS 180-4) of the pieces one after another.
std::array<std::uint8_t, 32> sha256(std::initializer_list<ByteView> pieces);

}  // namespace perpwire
