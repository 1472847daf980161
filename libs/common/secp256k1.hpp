#pragma once

#include "libs/common/address.hpp"
#include "libs/common/keccak.hpp"
#include "libs/common/result.hpp"
#include "libs/common/secret.hpp"

#include <array>
#include <compare>
#include <cstdint>

namespace perpwire {

/// An ECDSA signature with what is needed to recover its key. `v` is 27 or 28.
struct Signature {
  Hash256 r{};
  Hash256 s{};
  std::uint8_t v = 0;

  friend bool operator==(const Signature&, const Signature&) = default;
};

/// A private key of secp256k1 in locked memory, with its address.
///
/// Deterministic (RFC 6979) signatures with low s, so the same key and digest give the same bytes
/// everywhere. Threads: sign() may be called from several. Not copyable, not printable.
class SigningKey {
 public:
  /// Errors: kMalformed unless the secret is 32 bytes within 1 .. n-1 of the curve.
  static Result<SigningKey> from_secret(Secret secret);
  /// From 64 hex digits, with or without 0x: tests and the offline tool. The text stays the
  /// caller's to wipe.
  static Result<SigningKey> from_hex(std::string_view text);
  /// A new random key.
  static SigningKey generate();

  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] Signature sign(const Hash256& digest) const;
  /// The 32 bytes, for writing a keystore file.
  [[nodiscard]] ByteView secret_bytes() const { return secret_.bytes(); }
  [[nodiscard]] bool locked() const { return secret_.locked(); }

  template <class Stream>
  friend Stream& operator<<(Stream&, const SigningKey&) = delete;

 private:
  SigningKey(Secret secret, Address address) : secret_(std::move(secret)), address_(address) {}

  Secret secret_;
  Address address_;
};

/// The address whose key made `signature` over `digest`.
///
/// Errors: kMalformed if v is not 27 or 28, r or s is out of range, or no key fits.
/// Note:   a high s is accepted here: it recovers to the same key.
Result<Address> recover_address(const Hash256& digest, const Signature& signature);

}  // namespace perpwire
