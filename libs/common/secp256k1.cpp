#include "libs/common/secp256k1.hpp"

#include "libs/common/assert.hpp"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <algorithm>

namespace perpwire {
namespace {

/// One context for the process: read-only after it was randomised (the randomisation blinds the
/// curve operations against side channels), so threads share it.
const secp256k1_context* context() {
  static const secp256k1_context* const shared = [] {
    // The library's two flags share the bits that name their kind.
    // NOLINTNEXTLINE(misc-redundant-expression)
    constexpr unsigned kBoth = SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY;
    auto* made = secp256k1_context_create(kBoth);
    std::array<std::uint8_t, 32> seed{};
    fill_random(seed);
    PW_ASSERT(secp256k1_context_randomize(made, seed.data()) == 1);
    wipe(seed);
    return made;
  }();
  return shared;
}

/// Ethereum's rule: the last 20 bytes of the Keccak-256 of the uncompressed key without its 0x04.
Address address_of(const secp256k1_pubkey& key) {
  std::array<std::uint8_t, 65> text{};
  std::size_t size = text.size();
  secp256k1_ec_pubkey_serialize(context(), text.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
  const auto hash = keccak256(ByteView{text}.subspan(1));
  Address address;
  std::copy(hash.begin() + 12, hash.end(), address.bytes.begin());
  return address;
}

}  // namespace

Result<SigningKey> SigningKey::from_secret(Secret secret) {
  if (secret.size() != 32) {
    return fail(ErrorCode::kMalformed,
                "private key: expected 32 bytes, found " + std::to_string(secret.size()));
  }
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_create(context(), &key, secret.bytes().data()) != 1) {
    return fail(ErrorCode::kMalformed, "private key: not a number of the curve secp256k1");
  }
  return SigningKey{std::move(secret), address_of(key)};
}

Result<SigningKey> SigningKey::from_hex(std::string_view text) {
  Secret secret(32);
  if (auto parsed = parse_hex_into(text, secret.writable()); !parsed) {
    return fail(ErrorCode::kMalformed, "private key: " + parsed.error().text);
  }
  return from_secret(std::move(secret));
}

SigningKey SigningKey::generate() {
  while (true) {
    Secret secret(32);
    fill_random(secret.writable());
    if (auto key = from_secret(std::move(secret))) {
      return std::move(*key);
    }
  }
}

Signature SigningKey::sign(const Hash256& digest) const {
  secp256k1_ecdsa_recoverable_signature raw;
  PW_ASSERT(secp256k1_ecdsa_sign_recoverable(context(), &raw, digest.data(), secret_.bytes().data(),
                                             secp256k1_nonce_function_rfc6979, nullptr) == 1);
  std::array<std::uint8_t, 64> compact{};
  int recovery_id = 0;
  secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact.data(), &recovery_id,
                                                          &raw);
  Signature signature;
  std::copy_n(compact.begin(), 32, signature.r.begin());
  std::copy_n(compact.begin() + 32, 32, signature.s.begin());
  signature.v = static_cast<std::uint8_t>(27 + recovery_id);
  return signature;
}

Result<Address> recover_address(const Hash256& digest, const Signature& signature) {
  if (signature.v != 27 && signature.v != 28) {
    return fail(ErrorCode::kMalformed,
                "signature: expected v 27 or 28, found " + std::to_string(signature.v));
  }
  std::array<std::uint8_t, 64> compact{};
  std::copy(signature.r.begin(), signature.r.end(), compact.begin());
  std::copy(signature.s.begin(), signature.s.end(), compact.begin() + 32);
  secp256k1_ecdsa_recoverable_signature raw;
  if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &raw, compact.data(),
                                                          signature.v - 27) != 1) {
    return fail(ErrorCode::kMalformed, "signature: r or s is out of range");
  }
  secp256k1_pubkey key;
  if (secp256k1_ecdsa_recover(context(), &key, &raw, digest.data()) != 1) {
    return fail(ErrorCode::kMalformed, "signature: no key fits it");
  }
  return address_of(key);
}

}  // namespace perpwire
