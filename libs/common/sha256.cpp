#include "libs/common/sha256.hpp"

#include <cryptopp/sha.h>

namespace perpwire {

std::array<std::uint8_t, 32> sha256(std::initializer_list<ByteView> pieces) {
  CryptoPP::SHA256 hash;
  for (const auto piece : pieces) hash.Update(piece.data(), piece.size());
  std::array<std::uint8_t, 32> digest{};
  hash.Final(digest.data());
  return digest;
}

}  // namespace perpwire
