#include "libs/keystore/keystore_file.hpp"

#include "libs/common/assert.hpp"

#include <cryptopp/scrypt.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>
#include <exception>
#include <memory>

namespace perpwire::keystore {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint64_t kMaxScryptMemory = 1ULL << 30;
constexpr std::uint64_t kMaxPbkdf2Rounds = 10'000'000;
constexpr std::size_t kDerivedKeySize = 32;

tl::unexpected<Error> bad(std::string_view field, std::string_view expected) {
  return fail(ErrorCode::kMalformed, fmt::format("keystore: {}: expected {}", field, expected));
}

/// A field of an object whose type fits, or nothing.
template <class T>
std::optional<T> get(dom::object object, std::string_view name) {
  T value{};
  if (object[name].get<T>().get(value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return value;
}

std::optional<dom::object> get_object(dom::object object, std::string_view name) {
  return get<dom::object>(object, name);
}

Status read_scrypt(dom::object params, KeystoreFile& file) {
  const auto n = get<std::uint64_t>(params, "n");
  const auto r = get<std::uint64_t>(params, "r");
  const auto p = get<std::uint64_t>(params, "p");
  if (!n || !r || !p || *n < 2 || (*n & (*n - 1)) != 0 || *r == 0 || *p == 0) {
    return bad("crypto.kdfparams", "n a power of two, r and p above zero");
  }
  if (*n > kMaxScryptMemory || *r > 1024 || *p > 1024 || 128 * *n * *r > kMaxScryptMemory) {
    return bad("crypto.kdfparams", "at most 1 GiB of memory, r and p up to 1024");
  }
  file.kdf = KeystoreFile::Kdf::kScrypt;
  file.scrypt_n = *n;
  file.scrypt_r = static_cast<std::uint32_t>(*r);
  file.scrypt_p = static_cast<std::uint32_t>(*p);
  return {};
}

Status read_pbkdf2(dom::object params, KeystoreFile& file) {
  const auto rounds = get<std::uint64_t>(params, "c");
  if (!rounds || *rounds == 0 || *rounds > kMaxPbkdf2Rounds) {
    return bad("crypto.kdfparams.c", "1 to 10000000");
  }
  if (get<std::string_view>(params, "prf") != "hmac-sha256") {
    return bad("crypto.kdfparams.prf", "hmac-sha256");
  }
  file.kdf = KeystoreFile::Kdf::kPbkdf2;
  file.pbkdf2_rounds = static_cast<std::uint32_t>(*rounds);
  return {};
}

Status read_derivation(dom::object crypto, KeystoreFile& file) {
  const auto params = get_object(crypto, "kdfparams");
  if (!params) {
    return bad("crypto.kdfparams", "an object");
  }
  if (get<std::uint64_t>(*params, "dklen") != kDerivedKeySize) {
    return bad("crypto.kdfparams.dklen", "32");
  }
  const auto salt = parse_hex(get<std::string_view>(*params, "salt").value_or("x"));
  if (!salt || salt->empty() || salt->size() > 256) {
    return bad("crypto.kdfparams.salt", "1 to 256 bytes in hex");
  }
  file.salt = *salt;
  const auto kdf = get<std::string_view>(crypto, "kdf");
  if (kdf == "scrypt") {
    return read_scrypt(*params, file);
  }
  if (kdf == "pbkdf2") {
    return read_pbkdf2(*params, file);
  }
  return bad("crypto.kdf", "scrypt or pbkdf2");
}

template <std::size_t N>
bool read_bytes(dom::object object, std::string_view name, std::array<std::uint8_t, N>& out) {
  return parse_hex_into(get<std::string_view>(object, name).value_or(""), out).has_value();
}

Result<Secret> derive(const KeystoreFile& file, const Secret& passphrase) {
  Secret derived(kDerivedKeySize);
  if (file.kdf == KeystoreFile::Kdf::kScrypt) {
    // Crypto++ and not OpenSSL: the latter refuses N >= 2^(16 r), which the format's own test
    // vector has.
    try {
      CryptoPP::Scrypt().DeriveKey(derived.writable().data(), derived.size(),
                                   passphrase.bytes().data(), passphrase.size(), file.salt.data(),
                                   file.salt.size(), file.scrypt_n, file.scrypt_r, file.scrypt_p);
    } catch (const std::exception& error) {  // costs that it does not take, or no memory
      return fail(ErrorCode::kMalformed,
                  fmt::format("keystore: the key derivation failed: {}", error.what()));
    }
    return derived;
  }
  const auto* text = reinterpret_cast<const char*>(passphrase.bytes().data());
  if (PKCS5_PBKDF2_HMAC(text, static_cast<int>(passphrase.size()), file.salt.data(),
                        static_cast<int>(file.salt.size()), static_cast<int>(file.pbkdf2_rounds),
                        EVP_sha256(), static_cast<int>(derived.size()),
                        derived.writable().data()) != 1) {
    return fail(ErrorCode::kMalformed, "keystore: the key derivation failed");
  }
  return derived;
}

/// Keccak-256 of the second half of the derived key and the ciphertext.
Hash256 mac_of(const Secret& derived, ByteView ciphertext) {
  Secret data(16 + ciphertext.size());
  std::copy_n(derived.bytes().begin() + 16, 16, data.writable().begin());
  std::copy(ciphertext.begin(), ciphertext.end(), data.writable().begin() + 16);
  return keccak256(data.bytes());
}

/// AES-128 in counter mode: the same for both directions.
void apply_cipher(const Secret& derived, const std::array<std::uint8_t, 16>& iv, ByteView in,
                  std::span<std::uint8_t> out) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher{
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
  int written = 0;
  PW_ASSERT(cipher != nullptr && in.size() == out.size() &&
            EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_ctr(), nullptr, derived.bytes().data(),
                               iv.data()) == 1 &&
            EVP_EncryptUpdate(cipher.get(), out.data(), &written, in.data(),
                              static_cast<int>(in.size())) == 1 &&
            static_cast<std::size_t>(written) == out.size());
}

/// A random UUID (version 4): the format wants an id.
std::string random_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  const auto hex = to_hex(bytes);
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace

Result<KeystoreFile> parse_keystore(std::string_view json) {
  dom::parser parser;
  dom::object document;
  if (parser.parse(json.data(), json.size()).get_object().get(document) != simdjson::SUCCESS) {
    return fail(ErrorCode::kMalformed, "keystore: expected a JSON object");
  }
  if (get<std::uint64_t>(document, "version") != 3U) {
    return bad("version", "3");
  }
  auto crypto = get_object(document, "crypto");
  if (!crypto) {
    crypto = get_object(document, "Crypto");  // as older ethers and geth wrote it
  }
  if (!crypto) {
    return bad("crypto", "an object");
  }
  KeystoreFile file;
  if (get<std::string_view>(*crypto, "cipher") != "aes-128-ctr") {
    return bad("crypto.cipher", "aes-128-ctr");
  }
  const auto cipher_params = get_object(*crypto, "cipherparams");
  if (!cipher_params || !read_bytes(*cipher_params, "iv", file.iv)) {
    return bad("crypto.cipherparams.iv", "16 bytes in hex");
  }
  if (!read_bytes(*crypto, "ciphertext", file.ciphertext)) {
    return bad("crypto.ciphertext", "32 bytes in hex");
  }
  if (!read_bytes(*crypto, "mac", file.mac)) {
    return bad("crypto.mac", "32 bytes in hex");
  }
  if (auto read = read_derivation(*crypto, file); !read) {
    return tl::unexpected(read.error());
  }
  if (const auto text = get<std::string_view>(document, "address"); text && !text->empty()) {
    const auto address = parse_hex_array<20>(*text);
    if (!address) {
      return bad("address", "20 bytes in hex");
    }
    file.address = Address{*address};
  }
  return file;
}

Result<SigningKey> unlock(const KeystoreFile& file, const Secret& passphrase) {
  const auto derived = derive(file, passphrase);
  if (!derived) {
    return tl::unexpected(derived.error());
  }
  const auto mac = mac_of(*derived, file.ciphertext);
  if (CRYPTO_memcmp(mac.data(), file.mac.data(), mac.size()) != 0) {
    return fail(ErrorCode::kMalformed, "keystore: the passphrase does not fit (MAC differs)");
  }
  Secret secret(file.ciphertext.size());
  apply_cipher(*derived, file.iv, file.ciphertext, secret.writable());
  auto key = SigningKey::from_secret(std::move(secret));
  if (key && file.address && *file.address != key->address()) {
    return fail(ErrorCode::kMalformed,
                fmt::format("keystore: the file names {} and holds the key of {}",
                            file.address->to_string(), key->address().to_string()));
  }
  return key;
}

std::string seal(const SigningKey& key, const Secret& passphrase, ScryptCost cost) {
  KeystoreFile file;
  file.salt.resize(32);
  fill_random(file.salt);
  fill_random(file.iv);
  file.scrypt_n = cost == ScryptCost::kStandard ? 1U << 18 : 1U << 12;
  file.scrypt_r = 8;
  file.scrypt_p = cost == ScryptCost::kStandard ? 1 : 6;
  const auto derived = derive(file, passphrase);
  PW_ASSERT(derived.has_value());
  apply_cipher(*derived, file.iv, key.secret_bytes(), file.ciphertext);
  file.mac = mac_of(*derived, file.ciphertext);
  return fmt::format(
      R"({{"address":"{}","crypto":{{"cipher":"aes-128-ctr","cipherparams":{{"iv":"{}"}},)"
      R"("ciphertext":"{}","kdf":"scrypt","kdfparams":{{"dklen":32,"n":{},"p":{},"r":{},)"
      R"("salt":"{}"}},"mac":"{}"}},"id":"{}","version":3}})",
      to_hex(key.address().bytes), to_hex(file.iv), to_hex(file.ciphertext), file.scrypt_n,
      file.scrypt_p, file.scrypt_r, to_hex(file.salt), to_hex(file.mac), random_uuid());
}

}  // namespace perpwire::keystore
