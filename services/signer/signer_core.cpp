#include "services/signer/signer_core.hpp"

#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::signer {
namespace {

namespace hl = hyperliquid;

/// Signatures checked in one turn after a reply: bounded, so that requests do not wait.
constexpr std::size_t kChecksPerTurn = 4;

tl::unexpected<Error> refuse(std::string_view rule, const std::string& text) {
  return fail(ErrorCode::kSignerRefused, fmt::format("rule {}: {}", rule, text));
}

std::uint64_t millis(UnixNanos time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.millis()));
}

std::vector<AssetEntry> entries_for(const v1::SignRequest& hello, hl::Network network) {
  std::vector<AssetEntry> entries;
  for (const auto& entry : hello.assets()) {
    if (entry.network().empty() || entry.network() == hl::to_string(network)) {
      entries.push_back({TradingPair{entry.trading_pair()}, entry.asset()});
    }
  }
  return entries;
}

void set_error(const Error& error, v1::SignReply& reply) {
  reply.set_status("REJECTED");
  reply.set_code(std::string(to_string(error.code)));
  reply.set_reason(error.text);
}

}  // namespace

struct SignerCore::Signed {
  hl::Action action;
  hl::ActionEnvelope envelope;
  Signature signature;
  Address signer;
};

SignerCore::SignerCore(SignerConfig config, KeyRing keys, const SignerState& state,
                       SignerStore& store, ClockReading start)
    : config_(std::move(config)),
      keys_(std::move(keys)),
      store_(store),
      leases_(state.leases, start.boot),
      assets_(state.pins),
      clock_(start) {
  for (const auto& name : keys_.names()) {
    const auto mark = state.nonce_marks.find(name);
    nonces_.emplace(name, NonceSource{mark == state.nonce_marks.end() ? 0 : mark->second});
  }
  std::uint64_t longest = 0;
  for (const auto& [name, account] : config_.accounts) {
    const auto* rules = config_.policy.rules_of(account.key);
    longest = std::max(longest, rules == nullptr ? 0 : rules->max_expires_after_ms);
  }
  for (const auto& issued : state.issued) {
    issued_.add(issued);
  }
  if (state.issued_may_be_incomplete) {
    issued_.set_floor(millis(start.wall) + longest);
  }
}

v1::SignReply SignerCore::handle(const v1::SignRequest& request, ClockReading now) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  if (request.type() == "lease") {
    const auto decision = lease(request, now);
    if (!decision) {
      set_error(decision.error(), reply);
      return reply;
    }
    reply.set_status("OK");
    auto& grant = *reply.mutable_lease();
    grant.set_epoch(decision->record.epoch);
    grant.set_holder(decision->record.holder);
    grant.set_same_instance(decision->same_instance);
    grant.set_latest_expires_after(issued_.latest_expiry(request.account()));
    for (const auto nonce : issued_.of_account(request.account(), now.boot)) {
      grant.add_recent_nonces(nonce);
    }
    return reply;
  }
  const auto result = sign(request, now);
  if (!result) {
    set_error(result.error(), reply);
    return reply;
  }
  reply.set_status("OK");
  reply.set_nonce(result->envelope.nonce);
  reply.set_expires_after(result->envelope.expires_after_ms.value_or(0));
  reply.set_signer_address(result->signer.to_string());
  reply.set_body(hl::exchange_body(result->action, result->envelope, result->signature));
  return reply;
}

std::vector<std::string> SignerCore::hear_assets(const v1::SignRequest& hello) {
  return assets_.told(entries_for(hello, config_.network));
}

std::vector<std::string> SignerCore::run_deferred() {
  for (auto& [key, nonces] : nonces_) {
    if (const auto mark = nonces.top_up()) {
      if (store_.save_nonce_mark(key, *mark)) {  // a failure shows at the next request
        nonces.reserved(*mark);
      }
    }
  }
  return keys_.run_checks(kChecksPerTurn);
}

std::uint64_t SignerCore::last_nonce(const std::string& key) const {
  const auto found = nonces_.find(key);
  return found == nonces_.end() ? 0 : found->second.last();
}

Result<SignerCore::Signed> SignerCore::sign(const v1::SignRequest& request, ClockReading now) {
  auto action = read_action_request(request);
  if (!action) {
    return tl::unexpected(action.error());
  }
  const auto account = find_account(request);
  if (!account) {
    return tl::unexpected(account.error());
  }
  if (auto checked = config_.policy.check(request.key(), request.account(), *action); !checked) {
    return tl::unexpected(checked.error());
  }
  auto envelope = envelope_of(request, **account, *action, now);
  if (!envelope) {
    return tl::unexpected(envelope.error());
  }
  if (auto checked = check_assets(*action); !checked) {
    return tl::unexpected(checked.error());
  }
  if (needs_lease(action->action)) {
    if (auto held = leases_.check(request.account(), request.lease_epoch()); !held) {
      return tl::unexpected(held.error());
    }
  }
  if (auto steady = clock_.check(now); !steady) {
    return tl::unexpected(steady.error());
  }
  if (auto pinned = pin_assets(*action); !pinned && needs_lease(action->action)) {
    return tl::unexpected(pinned.error());
  }
  const auto nonce = nonce_for(request, *action, now);
  if (!nonce) {
    return tl::unexpected(nonce.error());
  }
  envelope->nonce = *nonce;
  const IssuedNonce issued{request.key(), request.account(), *nonce,
                           envelope->expires_after_ms.value_or(0), now.boot};
  if (auto kept = store_.append_issued(issued, millis(now.wall));
      !kept && needs_lease(action->action)) {
    return tl::unexpected(kept.error());
  }
  issued_.add(issued);
  const auto result = keys_.sign(request.key(), config_.network, action->action, *envelope);
  if (!result) {
    return tl::unexpected(result.error());
  }
  return Signed{std::move(action->action), *envelope, result->signature,
                *keys_.address_of(request.key())};
}

Result<LeaseDecision> SignerCore::lease(const v1::SignRequest& request, ClockReading now) {
  if (auto account = find_account(request); !account) {
    return tl::unexpected(account.error());
  }
  const auto& asked = request.lease();
  const LeaseQuestion question{asked.holder(), asked.boot_id(), asked.take_over()};
  auto decision = asked.release() ? leases_.release(request.account(), question)
                                  : leases_.ask(request.account(), question, now.boot);
  if (!decision) {
    return decision;
  }
  if (decision->changed) {
    if (auto saved = store_.save_lease(request.account(), decision->record); !saved) {
      return tl::unexpected(saved.error());
    }
  }
  leases_.apply(request.account(), *decision, now.boot);
  return decision;
}

Result<const SignerAccount*> SignerCore::find_account(const v1::SignRequest& request) const {
  const auto found = config_.accounts.find(request.account());
  if (found == config_.accounts.end()) {
    return refuse("accounts", fmt::format("no account named \"{}\"", request.account()));
  }
  if (!request.key().empty() && found->second.key != request.key()) {
    return refuse("accounts",
                  fmt::format("account {} is signed by key {}, the request names \"{}\"",
                              request.account(), found->second.key, request.key()));
  }
  if (request.type() == "sign" && !keys_.has(request.key())) {
    return refuse("key", fmt::format("no key named \"{}\"", request.key()));
  }
  return &found->second;
}

Result<hl::ActionEnvelope> SignerCore::envelope_of(const v1::SignRequest& request,
                                                   const SignerAccount& account,
                                                   const ActionRequest& action, ClockReading now) {
  if (request.network() != hl::to_string(config_.network)) {
    return refuse("network", fmt::format("this signer signs for {}, the request names \"{}\"",
                                         hl::to_string(config_.network), request.network()));
  }
  hl::ActionEnvelope envelope;
  if (!request.vault_address().empty()) {
    const auto vault = Address::parse(request.vault_address());
    if (!vault) {
      return fail(ErrorCode::kInvalidCommand, "vault_address: " + vault.error().text);
    }
    envelope.vault_address = *vault;
  }
  const auto expected = account.vault ? std::optional(account.address) : std::nullopt;
  if (envelope.vault_address != expected) {
    return refuse("vault_address", expected
                                       ? fmt::format("account {} is the vault or sub-account {}",
                                                     request.account(), expected->to_string())
                                       : fmt::format("account {} is no vault", request.account()));
  }
  const auto* rules = config_.policy.rules_of(request.key());
  const auto longest = rules == nullptr ? 0 : rules->max_expires_after_ms;
  if (request.has_expires_after_ms()) {
    if (request.expires_after_ms() > longest) {
      return refuse("max_expires_after_ms",
                    fmt::format("{} ms exceeds {}", request.expires_after_ms(), longest));
    }
    envelope.expires_after_ms = millis(now.wall) + request.expires_after_ms();
  } else if (needs_lease(action.action)) {
    return refuse("expires_after",
                  fmt::format("{} needs expires_after_ms", hl::action_type(action.action)));
  }
  return envelope;
}

Status SignerCore::check_assets(const ActionRequest& request) {
  for (const auto& asset : request.assets) {
    if (auto checked = assets_.check(asset); !checked) {
      return checked;
    }
  }
  return {};
}

Status SignerCore::pin_assets(const ActionRequest& request) {
  auto pins = std::vector<AssetEntry>{};
  for (const auto& asset : request.assets) {
    if (assets_.is_new(asset) && std::find(pins.begin(), pins.end(), asset) == pins.end()) {
      pins.push_back(asset);
    }
  }
  if (pins.empty()) {
    return {};
  }
  auto all = assets_.pinned();
  all.insert(all.end(), pins.begin(), pins.end());
  if (auto saved = store_.save_pins(all); !saved) {
    return saved;
  }
  for (const auto& pin : pins) {
    assets_.pin(pin);
  }
  return {};
}

Result<std::uint64_t> SignerCore::nonce_for(const v1::SignRequest& request,
                                            const ActionRequest& action, ClockReading now) {
  if (request.has_nonce()) {
    if (!std::holds_alternative<hl::NoopAction>(action.action)) {
      return refuse("nonce", fmt::format("a nonce may be named for a noop only, not for {}",
                                         hl::action_type(action.action)));
    }
    if (!issued_.contains(request.key(), request.account(), request.nonce(), now.boot)) {
      return refuse("nonce", fmt::format("nonce {} was not issued to key {} and account {} within "
                                         "2 minutes",
                                         request.nonce(), request.key(), request.account()));
    }
    return request.nonce();
  }
  auto& source = nonces_.at(request.key());
  auto nonce = source.next(millis(now.wall), [&](std::uint64_t mark) {
    return store_.save_nonce_mark(request.key(), mark);
  });
  if (!nonce && nonce.error().code == ErrorCode::kIo && !needs_lease(action.action)) {
    // Cancels go on while the disk is full, as long as nonces are covered.
    if (const auto reserved = source.next_reserved()) {
      return *reserved;
    }
  }
  return nonce;
}

}  // namespace perpwire::signer
