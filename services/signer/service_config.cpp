#include "services/signer/service_config.hpp"

#include "libs/common/keccak.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/keystore/passphrase.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <unistd.h>

namespace perpwire::signer {
namespace {

constexpr std::string_view kVenue = "hyperliquid";

/// The configured accounts and nothing else: what a key may do without a policy file.
Policy default_policy(const SignerConfig& config, Nanos expires_after) {
  std::map<std::string, KeyRules> rules;
  for (const auto& [name, account] : config.accounts) {
    auto& key = rules[account.key];
    key.accounts.insert(name);
    key.actions = all_actions();
    key.trading_pairs = {"*"};
    key.max_expires_after_ms = std::max(
        key.max_expires_after_ms,
        static_cast<std::uint64_t>(std::max<std::int64_t>(
            0, std::chrono::duration_cast<std::chrono::milliseconds>(expires_after).count())));
  }
  return Policy{std::move(rules)};
}

std::string read_policy_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw ConfigError(
        fmt::format("signer.policy_file: expected a readable file, found {}", file.string()));
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::uint32_t> uids_of(const std::vector<std::string>& users, std::string_view setting) {
  std::set<std::uint32_t> uids{0, ::geteuid()};
  for (const auto& user : users) {
    const auto* entry = ::getpwnam(user.c_str());  // NOLINT: before any thread
    if (entry == nullptr) {
      throw ConfigError(
          fmt::format("signer.{}: expected a user of this machine, found {}", setting, user));
    }
    uids.insert(entry->pw_uid);
  }
  return uids;
}

}  // namespace

ServiceConfig make_service_config(const Settings& settings) {
  ServiceConfig config;
  config.core.network = *hyperliquid::parse_network(settings.network());
  for (const auto& [name, account] : settings.accounts) {
    if (account.venue != kVenue) {
      continue;
    }
    const auto address = Address::parse(account.address);
    if (!address) {
      throw ConfigError(fmt::format("accounts.{}.address: {}", name, address.error().text));
    }
    config.core.accounts[name] = {account.key, *address, account.vault};
    config.keys.insert(account.key);
    config.accounts.insert(name);
  }
  const auto& policy_file = settings.signer.policy_file;
  if (policy_file.empty()) {
    if (settings.mode == Mode::kLive) {
      throw ConfigError(
          "signer.policy_file: expected a policy file in mode live, found none: without a policy "
          "the signer signs nothing");
    }
    config.core.policy = default_policy(config.core, settings.order_gateway.expires_after);
    config.core.has_policy_file = false;
  } else {
    const auto text = read_policy_file(policy_file);
    config.core.policy = Policy::parse(text, policy_file.string());
    config.policy_hash = to_hex_0x(keccak256(as_bytes(text)));
  }
  config.operators = uids_of(settings.signer.operators, "operators");
  config.uids = uids_of(settings.signer.allow_users, "allow_users");
  config.uids.insert(config.operators.begin(), config.operators.end());
  return config;
}

void apply_key_plan(const Settings& settings, const KeyPlan& plan, ServiceConfig& config) {
  std::map<std::string, std::string> configured;
  for (const auto& [name, account] : config.core.accounts) {
    configured[name] = account.key;
  }
  const KeyRotation rotation{configured, plan};
  for (const auto& [name, key] : configured) {
    const auto& current = rotation.current(name);
    if (rotation.is_retired(current)) {
      throw ConfigError(fmt::format(
          "accounts.{}.key: expected a key that was not retired, found {}", name, current));
    }
    if (current != key) {
      spdlog::warn(
          "account={} key={} in place of {}, which the configuration names: it was rotated", name,
          current, key);
    }
  }
  config.keys = rotation.needed();
  std::erase_if(config.keys, [&](const std::string& key) {
    return rotation.is_draining(key) &&
           !std::filesystem::exists(settings.signer.keystore_dir / (key + ".json"));
  });
}

UnlockedKeys unlock_keys(const Settings& settings, const std::set<std::string>& keys) {
  UnlockedKeys unlocked;
  if (keys.empty()) {
    return unlocked;
  }
  auto passphrase =
      keystore::read_passphrase(settings.signer.passphrase, "Passphrase of the signer's keys: ");
  if (!passphrase) {
    throw ConfigError("signer." + passphrase.error().text);
  }
  for (const auto& name : keys) {
    auto key = keystore::load_key(settings.signer.keystore_dir, name, *passphrase);
    if (!key) {
      throw ConfigError(key.error().text);
    }
    unlocked.ring.add(name, std::move(*key));
  }
  unlocked.passphrase = std::move(*passphrase);
  return unlocked;
}

}  // namespace perpwire::signer
