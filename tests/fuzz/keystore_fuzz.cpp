// Keystore files: parsed, never unlocked (that is slow on purpose).
#include "libs/keystore/keystore_file.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = perpwire::keystore::parse_keystore({reinterpret_cast<const char*>(data), size});
  if (file && file->kdf == perpwire::keystore::KeystoreFile::Kdf::kScrypt &&
      128 * file->scrypt_n * file->scrypt_r > (1ULL << 30)) {
    std::abort();  // a file must not be able to ask for more memory than this
  }
  return 0;
}
