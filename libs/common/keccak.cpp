#include "libs/common/keccak.hpp"

#include <cryptopp/keccak.h>

namespace perpwire {

Hash256 keccak256(ByteView data) {
  CryptoPP::Keccak_256 hasher;
  Hash256 hash;
  hasher.Update(data.data(), data.size());
  hasher.TruncatedFinal(hash.data(), hash.size());
  return hash;
}

}  // namespace perpwire
