#include "libs/journal/crc32c.hpp"

#include <crypto++/crc.h>

#include <cstring>

namespace perpwire::journal {
namespace {

const CryptoPP::byte* bytes(std::string_view text) {
  return reinterpret_cast<const CryptoPP::byte*>(text.data());
}

}  // namespace

std::uint32_t crc32c(std::string_view first, std::string_view second) {
  CryptoPP::CRC32C crc;
  crc.Update(bytes(first), first.size());
  crc.Update(bytes(second), second.size());
  std::uint32_t value = 0;
  crc.Final(reinterpret_cast<CryptoPP::byte*>(&value));
  return value;
}

}  // namespace perpwire::journal
