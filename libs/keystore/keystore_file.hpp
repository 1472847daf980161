#pragma once

#include "libs/common/result.hpp"
#include "libs/common/secp256k1.hpp"
#include "libs/common/secret.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Private keys at rest: Ethereum's keystore format, version 3, as geth, ethers and foundry write
/// and read it. Source: "Web3 Secret Storage Definition", ethereum.org/developers/docs.
namespace perpwire::keystore {

/// A parsed file, still locked.
struct KeystoreFile {
  enum class Kdf { kScrypt, kPbkdf2 };
  Kdf kdf = Kdf::kScrypt;
  Bytes salt;
  std::uint64_t scrypt_n = 0;  // cost, a power of two
  std::uint32_t scrypt_r = 0;
  std::uint32_t scrypt_p = 0;
  std::uint32_t pbkdf2_rounds = 0;  // of HMAC-SHA256
  std::array<std::uint8_t, 16> iv{};
  std::array<std::uint8_t, 32> ciphertext{};
  Hash256 mac{};
  std::optional<Address> address;  // files may leave it out
};

/// Errors: kMalformed naming the field: no JSON, another version, cipher, derivation or length, or
///         costs beyond 1 GiB of memory or 10 million rounds. Unknown fields are ignored.
Result<KeystoreFile> parse_keystore(std::string_view json);

/// Unlocks the key. Takes as long as the file's costs ask for (about a second as geth writes it).
///
/// Errors: kMalformed if the passphrase does not fit the file (by its MAC), or the key inside is
///         not of the address that the file names.
Result<SigningKey> unlock(const KeystoreFile& file, const Secret& passphrase);

/// What guessing costs. kStandard: N 2^18, r 8, p 1 as geth does (256 MiB, about a second).
/// kLight: N 2^12, p 6, geth's "light": tests.
enum class ScryptCost { kStandard, kLight };

/// The text of a file that holds `key`, with fresh salt and IV.
std::string seal(const SigningKey& key, const Secret& passphrase,
                 ScryptCost cost = ScryptCost::kStandard);

}  // namespace perpwire::keystore
