#include "services/signer/key_ring.hpp"

#include "libs/venues/hyperliquid/order_codec.hpp"

#include <fmt/format.h>

namespace perpwire::signer {

void KeyRing::add(std::string name, SigningKey key) {
  keys_.emplace(std::move(name), Entry{std::move(key), false, {}});
}

void KeyRing::remove(const std::string& name) {
  std::erase_if(unchecked_, [&](const Unchecked& each) { return each.name == name; });
  keys_.erase(name);
}

std::optional<Address> KeyRing::address_of(const std::string& name) const {
  const auto found = keys_.find(name);
  if (found == keys_.end()) {
    return std::nullopt;
  }
  return found->second.key.address();
}

std::vector<std::string> KeyRing::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : keys_) {
    names.push_back(name);
  }
  return names;
}

bool KeyRing::is_sealed(const std::string& name) const {
  const auto found = keys_.find(name);
  return found != keys_.end() && found->second.sealed;
}

Result<hyperliquid::SignedAction> KeyRing::sign(const std::string& name,
                                                hyperliquid::Network network,
                                                const hyperliquid::Action& action,
                                                const hyperliquid::ActionEnvelope& envelope) {
  const auto found = keys_.find(name);
  if (found == keys_.end()) {
    return fail(ErrorCode::kSignerRefused, fmt::format("rule key: no key named \"{}\"", name));
  }
  auto& entry = found->second;
  if (entry.sealed) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule sealed: key {} made a signature that was not its own", name));
  }
  auto result = hyperliquid::sign_action(entry.key, network, action, envelope);
  if (damage_next_) {
    damage_next_ = false;
    result.signature.s[31] ^= 1;
  }
  const bool first =
      entry.seen
          .insert(fmt::format(
              "{} {} {}", hyperliquid::action_type(action), hyperliquid::to_string(network),
              envelope.vault_address ? envelope.vault_address->to_string() : std::string()))
          .second;
  if (!first && unchecked_.size() < kMaxUnchecked) {
    unchecked_.push_back({name, result.digest, result.signature});
    return result;
  }
  // What the venue does: read the text that is sent, encode it again, recover.
  std::string json;
  hyperliquid::append_json(action, json);
  const auto read = hyperliquid::parse_action(json);
  const auto signer = read ? hyperliquid::recover_signer(network, *read, envelope, result.signature)
                           : tl::unexpected(read.error());
  if (!signer || *signer != entry.key.address()) {
    entry.sealed = true;
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule sealed: key {} made a signature that is not its own", name));
  }
  return result;
}

std::vector<std::string> KeyRing::run_checks(std::size_t most) {
  std::vector<std::string> sealed;
  for (; most > 0 && !unchecked_.empty(); --most) {
    const auto& next = unchecked_.front();
    auto& entry = keys_.at(next.name);
    if (!entry.sealed && !fits(entry, next.digest, next.signature)) {
      entry.sealed = true;
      sealed.push_back(next.name);
    }
    unchecked_.pop_front();
  }
  return sealed;
}

bool KeyRing::fits(const Entry& entry, const Hash256& digest, const Signature& signature) {
  const auto signer = recover_address(digest, signature);
  return signer && *signer == entry.key.address();
}

}  // namespace perpwire::signer
