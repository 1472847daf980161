#pragma once

#include <cstdint>
#include <string_view>

namespace perpwire::journal {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `first` followed by `second`.
std::uint32_t crc32c(std::string_view first, std::string_view second = {});

}  // namespace perpwire::journal
