#pragma once

#include "libs/keystore/keystore_file.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The signer's folder of keystore files, one key a file: <folder>/<name>.json, mode 0600, in a
/// folder of mode 0700. What `perpwire keys new | import | list` does.
namespace perpwire::keystore {

struct KeyInfo {
  std::string name;
  std::string address;  // "unknown" where the file does not say
  std::filesystem::path file;
};

/// 1 to 64 of [A-Za-z0-9._-], not beginning with a point.
Status check_key_name(std::string_view name);

/// Every key of the folder, by name. A file that is no keystore is an error that names it.
Result<std::vector<KeyInfo>> list_keys(const std::filesystem::path& folder);

/// Makes a random key and writes it. Errors: kMalformed for a bad name, kIo if the file exists
/// (never overwritten) or cannot be written; nothing is left behind then.
Result<KeyInfo> create_key(const std::filesystem::path& folder, std::string_view name,
                           const Secret& passphrase, ScryptCost cost = ScryptCost::kStandard);

/// Writes an existing key.
Result<KeyInfo> import_key(const std::filesystem::path& folder, std::string_view name,
                           const SigningKey& key, const Secret& passphrase,
                           ScryptCost cost = ScryptCost::kStandard);
/// From another V3 file, under its own passphrase.
Result<KeyInfo> import_keystore(const std::filesystem::path& folder, std::string_view name,
                                std::string_view json, const Secret& old_passphrase,
                                const Secret& new_passphrase,
                                ScryptCost cost = ScryptCost::kStandard);

/// Reads and unlocks one key.
///
/// Errors: kIo if the file is missing; kMalformed if others than its owner may read it (mode bits
///         0077), or as parse_keystore and unlock. All name the file.
Result<SigningKey> load_key(const std::filesystem::path& folder, std::string_view name,
                            const Secret& passphrase);

}  // namespace perpwire::keystore
