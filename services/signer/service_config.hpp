#pragma once

#include "libs/common/settings.hpp"
#include "services/signer/key_ring.hpp"
#include "services/signer/signer_core.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace perpwire::signer {

/// What the signer takes from perpwire.toml and its policy file.
struct ServiceConfig {
  SignerConfig core;
  std::set<std::string> keys;         // keystore files that the accounts name
  std::set<std::string> accounts;     // of this venue
  std::string policy_hash;            // Keccak-256 of the policy file's bytes; empty without one
  std::set<std::uint32_t> uids;       // whose processes may ask
  std::set<std::uint32_t> operators;  // who may unlock a key and accept an asset number
};

/// Throws ConfigError. Without a policy file each key may sign every action and pair for the
/// accounts that name it, in modes sim and testnet; mode live needs one.
ServiceConfig make_service_config(const Settings& settings);

/// The keys of the configuration with what became of them since: `config.keys` are then those that
/// are needed. Draining keys whose file was taken away are left out. Throws ConfigError where an
/// account is left with a retired key.
void apply_key_plan(const Settings& settings, const KeyPlan& plan, ServiceConfig& config);

struct UnlockedKeys {
  KeyRing ring;
  /// Kept in locked memory: keys that are added later are under the same one.
  Secret passphrase;
};

/// Reads the passphrase and unlocks the keys. Throws ConfigError naming file and cause.
UnlockedKeys unlock_keys(const Settings& settings, const std::set<std::string>& keys);

}  // namespace perpwire::signer
