#include "services/signer/signer_core.hpp"

#include "libs/venues/hyperliquid/order_codec.hpp"
#include "perpwire/v1/signing.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace perpwire::signer {
namespace {

namespace hl = hyperliquid;

/// Signatures checked in one turn after a reply: bounded, so that requests do not wait.
constexpr std::size_t kChecksPerTurn = 4;
/// Refusals written to the audit log within one second; the others are counted in the next record.
constexpr std::uint64_t kRefusalsPerSecond = 20;

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

std::string lock_holder(const v1::SignRequest& request) {
  return request.lease().holder().empty() ? "operator" : request.lease().holder();
}

/// A holder is a word of a file's line.
Status check_holder(const std::string& holder) {
  const bool fits = holder.size() <= 64 && std::all_of(holder.begin(), holder.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  return fits ? Status{}
              : fail(ErrorCode::kInvalidCommand,
                     "lease.holder: expected up to 64 of [A-Za-z0-9._-]");
}

std::map<std::string, std::string> keys_by_account(const SignerConfig& config) {
  std::map<std::string, std::string> keys;
  for (const auto& [name, account] : config.accounts) keys[name] = account.key;
  return keys;
}

/// Whether an unlock speaks of this lock.
bool is_meant(const v1::SignRequest& unlock, const KeyLock& lock) {
  return (unlock.key().empty() || lock.key == unlock.key()) &&
         (unlock.lease().holder().empty() || lock.holder == unlock.lease().holder());
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
  std::string key;
  std::string body;
};

SignerCore::SignerCore(SignerConfig config, KeyRing keys, const SignerState& state,
                       SignerStore& store, ClockReading start)
    : config_(std::move(config)),
      keys_(std::move(keys)),
      rotation_(keys_by_account(config_), state.plan),
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
    if (!config_.has_policy_file) {
      config_.policy.copy_rules(account.key, rotation_.current(name));
      for (const auto& key : rotation_.draining(name)) config_.policy.copy_rules(account.key, key);
    }
    const auto* rules = config_.policy.rules_of(account.key);
    longest = std::max(longest, rules == nullptr ? 0 : rules->max_expires_after_ms);
  }
  for (const auto& issued : state.issued) {
    issued_.add(issued);
    note_signed(issued, start);
  }
  for (const auto& recent : state.recent) {
    velocities_[recent.key].restore(recent.added, start.boot, recent.age);
  }
  locks_ = state.locks;
  if (state.issued_may_be_incomplete) {
    issued_.set_floor(millis(start.wall) + longest);
    for (const auto& name : keys_.names()) {
      note_signed({name, "", 0, millis(start.wall) + longest, start.boot}, start);
    }
  }
}

v1::SignReply SignerCore::handle(const v1::SignRequest& request, ClockReading now) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  if (request.type() == "lease") {
    const auto decision = lease(request, now);
    if (!decision) {
      audit_refusal(request, decision.error(), now);
      set_error(decision.error(), reply);
      return reply;
    }
    if (decision->changed) {
      const auto text =
          fmt::format("epoch {} holder {}", decision->record.epoch, decision->record.holder);
      ignore(audit({.time = now.wall, .what = "lease", .account = request.account(), .text = text}),
             "the lease itself is durable; the failure is counted");
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
  auto result = sign(request, now);
  if (!result) {
    audit_refusal(request, result.error(), now);
    set_error(result.error(), reply);
    return reply;
  }
  reply.set_status("OK");
  reply.set_nonce(result->envelope.nonce);
  reply.set_expires_after(result->envelope.expires_after_ms.value_or(0));
  reply.set_signer_address(result->signer.to_string());
  reply.set_key(result->key);
  reply.set_body(std::move(result->body));
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
  const auto key = key_of(request, *action, now);
  if (!key) {
    return tl::unexpected(key.error());
  }
  if (needs_lease(action->action) && is_locked(*key)) {
    return refuse("cancel_only", fmt::format("key {} is locked: it signs cancels alone", *key));
  }
  if (auto checked = config_.policy.check(*key, request.account(), *action); !checked) {
    return tl::unexpected(checked.error());
  }
  auto envelope = envelope_of(request, *key, **account, *action, now);
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
    if (auto well = store_.audit_health(); !well) {
      return tl::unexpected(well.error());
    }
  }
  if (auto steady = clock_.check(now); !steady) {
    return tl::unexpected(steady.error());
  }
  if (auto pinned = pin_assets(*action); !pinned && needs_lease(action->action)) {
    return tl::unexpected(pinned.error());
  }
  if (auto slow = check_velocity(*key, *action, now); !slow) {
    return tl::unexpected(slow.error());
  }
  const auto nonce = nonce_for(request, *key, *action, now);
  if (!nonce) {
    return tl::unexpected(nonce.error());
  }
  envelope->nonce = *nonce;
  const IssuedNonce issued{*key, request.account(), *nonce, envelope->expires_after_ms.value_or(0),
                           now.boot};
  if (auto kept = store_.append_issued(issued, millis(now.wall));
      !kept && needs_lease(action->action)) {
    return tl::unexpected(kept.error());
  }
  issued_.add(issued);
  note_signed(issued, now);
  const auto result = keys_.sign(*key, config_.network, action->action, *envelope);
  if (!result) {
    return tl::unexpected(result.error());
  }
  std::string action_json;
  hl::append_json(action->action, action_json);
  const auto written = audit({.time = now.wall,
                              .what = "signed",
                              .key = *key,
                              .account = request.account(),
                              .action_type = hl::action_type(action->action),
                              .nonce = *nonce,
                              .expires_after_ms = envelope->expires_after_ms.value_or(0),
                              .digest = result->digest,
                              .action = action_json});
  if (needs_lease(action->action)) {
    if (const auto kept = written ? store_.audit_health() : written; !kept) {
      return tl::unexpected(kept.error());
    }
  }
  Signed out{std::move(action->action), *envelope, result->signature,
             *keys_.address_of(*key),   *key,      {}};
  hl::append_exchange_body(action_json, *envelope, result->signature, out.body);
  return out;
}

Status SignerCore::check_velocity(const std::string& key, const ActionRequest& action,
                                  ClockReading now) {
  const auto* rules = config_.policy.rules_of(key);
  if (rules == nullptr || !needs_lease(action.action)) {
    return {};
  }
  return velocities_[key].take(rules->velocity, exposure_of(action.action), now.boot);
}

// ---------------------------------------------------------------- operators

v1::SignReply SignerCore::operate(const v1::SignRequest& request, Asker asker, ClockReading now) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  const auto meant = [&](const KeyLock& lock) { return is_meant(request, lock); };
  if (request.type() == "unlock" && std::none_of(locks_.begin(), locks_.end(), meant)) {
    reply.set_status("OK");  // nothing to take back: anyone may hear it
    return reply;
  }
  Status done;
  std::string text;
  if (request.type() == "accept_asset") {
    const auto accepted = accept_asset(request, asker);
    if (accepted) {
      text = fmt::format("{} is asset {}", accepted->pair.value(), accepted->asset);
    } else {
      done = tl::unexpected(accepted.error());
    }
  } else {
    done = request.type() == "lock" ? lock(request, asker) : unlock(request, asker);
    if (!request.lease().holder().empty()) text = "by " + request.lease().holder();
  }
  const auto what = request.type() == "lock"     ? "locked"
                    : request.type() == "unlock" ? "unlocked"
                                                 : "asset_accepted";
  if (!done) {
    audit_refusal(request, done.error(), now);
    set_error(done.error(), reply);
    return reply;
  }
  note(what, request.key(), text, now.wall);
  reply.set_status("OK");
  return reply;
}

// ---------------------------------------------------------------- a change of keys

v1::SignReply SignerCore::change_keys(const v1::SignRequest& request, const Asker& asker,
                                      ClockReading now) {
  v1::SignReply reply;
  reply.set_request_id(request.request_id());
  const bool use = request.type() == "use_key";
  const auto before = rotation_.current(request.account());
  Status done;
  if (!asker.is_operator) {
    done = refuse("operator", request.type() + " is for operators alone");
  } else {
    done = use ? use_key(request) : retire_key(request, now);
  }
  if (!done) {
    audit_refusal(request, done.error(), now);
    set_error(done.error(), reply);
    return reply;
  }
  const auto text = use ? "in place of " + before : std::string();
  ignore(audit({.time = now.wall,
                .what = use ? "key_used" : "key_retired",
                .key = request.key(),
                .account = request.account(),
                .text = text}),
         "the change itself is durable; the failure is counted");
  reply.set_status("OK");
  return reply;
}

Status SignerCore::may_add(const v1::SignRequest& request, const Asker& asker, ClockReading now) {
  const auto check = [&]() -> Status {
    if (!asker.is_operator) {
      return refuse("operator", request.type() + " is for operators alone");
    }
    if (auto plan = rotation_.use(request.account(), request.key()); !plan) {
      return tl::unexpected(plan.error());
    }
    const auto* rules = config_.policy.rules_of(request.key());
    if (config_.has_policy_file &&
        (rules == nullptr || !rules->accounts.contains(request.account()))) {
      return refuse("policy",
                    fmt::format("key {} has no table for account {} in the policy file that was "
                                "read at the start",
                                request.key(), request.account()));
    }
    return {};
  };
  auto checked = check();
  if (!checked) audit_refusal(request, checked.error(), now);
  return checked;
}

Status SignerCore::add_key(const std::string& name, SigningKey key, ClockReading now) {
  if (keys_.has(name)) return {};
  const auto mark = store_.nonce_mark(name, now);
  if (!mark) return tl::unexpected(mark.error());
  nonces_.emplace(name, NonceSource{*mark});
  note("key_added", name, key.address().to_string(), now.wall);
  keys_.add(name, std::move(key));
  return {};
}

Status SignerCore::use_key(const v1::SignRequest& request) {
  auto plan = rotation_.use(request.account(), request.key());
  if (!plan) return tl::unexpected(plan.error());
  if (!keys_.has(request.key())) {
    return refuse("key", fmt::format("key {} is not loaded: add_key comes first", request.key()));
  }
  // Who wanted the old one to sign cancels alone wants it of the new one.
  auto locks = locks_;
  const auto before = rotation_.current(request.account());
  for (const auto& lock : locks_) {
    if (lock.key == before) locks.insert({request.key(), lock.holder, lock.uid});
  }
  if (locks != locks_) {
    if (auto saved = save_locks(locks); !saved) return saved;
    locks_ = std::move(locks);
  }
  if (auto saved = store_.save_key_plan(*plan); !saved) return saved;
  rotation_.take(std::move(*plan));
  if (!config_.has_policy_file) config_.policy.copy_rules(before, request.key());
  return {};
}

Status SignerCore::retire_key(const v1::SignRequest& request, ClockReading now) {
  auto plan = rotation_.retire(request.key());
  if (!plan) return tl::unexpected(plan.error());
  if (const auto drained = drained_at_.find(request.key());
      drained != drained_at_.end() && now.boot < drained->second) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(drained->second - now.boot);
    return refuse("draining", fmt::format("what key {} signed may still land: ask again in {} s",
                                          request.key(), left.count()));
  }
  if (auto saved = store_.save_key_plan(*plan); !saved) return saved;
  rotation_.take(std::move(*plan));
  auto locks = locks_;
  std::erase_if(locks, [&](const KeyLock& lock) { return lock.key == request.key(); });
  if (locks != locks_) {
    ignore(save_locks(locks), "locks of a key that is gone");
    locks_ = std::move(locks);
  }
  keys_.remove(request.key());
  nonces_.erase(request.key());
  drained_at_.erase(request.key());
  return {};
}

void SignerCore::note_signed(const IssuedNonce& issued, ClockReading now) {
  // The venue's clock decides what has expired, and may lag ours a little.
  constexpr Nanos kMargin = std::chrono::seconds(2);
  const auto wall = millis(now.wall);
  const auto left = std::chrono::milliseconds(
      issued.expires_after_ms > wall ? issued.expires_after_ms - wall : 0);
  auto& until = drained_at_[issued.key];
  until = std::max(until, issued.expires_after_ms == 0 ? issued.at + IssuedNonces::kWindow
                                                       : now.boot + left + kMargin);
}

bool SignerCore::is_locked(const std::string& key) const {
  const auto first = locks_.lower_bound({key, ""});
  return first != locks_.end() && first->key == key;
}

Status SignerCore::lock(const v1::SignRequest& request, Asker asker) {
  if (!request.key().empty() && !keys_.has(request.key())) {
    return refuse("key", fmt::format("no key named \"{}\"", request.key()));
  }
  const std::string holder = lock_holder(request);
  if (auto named = check_holder(holder); !named) {
    return named;
  }
  const auto before = locks_.size();
  for (const auto& name : keys_.names()) {
    if (request.key().empty() || name == request.key()) {
      // Holds from now on, whatever the disk says.
      locks_.insert({.key = name, .holder = holder, .uid = asker.uid});
    }
  }
  return locks_.size() == before && locks_saved_ ? Status{} : save_locks(locks_);
}

Status SignerCore::unlock(const v1::SignRequest& request, Asker asker) {
  auto after = locks_;
  std::erase_if(after, [&](const KeyLock& lock) { return is_meant(request, lock); });
  const bool others = std::any_of(locks_.begin(), locks_.end(), [&](const KeyLock& lock) {
    return is_meant(request, lock) && lock.uid != asker.uid;
  });
  if (others && !asker.is_operator) {
    return refuse("operator", "unlock of what another user locked is for operators alone");
  }
  if (auto saved = save_locks(after); !saved) {
    return saved;
  }
  locks_ = std::move(after);
  return {};
}

Status SignerCore::save_locks(const std::set<KeyLock>& locks) {
  auto saved = store_.save_locks(locks);
  locks_saved_ = saved.has_value();
  return saved;
}

Result<AssetEntry> SignerCore::accept_asset(const v1::SignRequest& request, Asker asker) {
  if (!asker.is_operator) {
    return refuse("operator", "accept_asset is for operators alone");
  }
  const auto entries = entries_for(request, config_.network);
  if (entries.size() != 1) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("assets: expected one entry of {}, found {}",
                            hl::to_string(config_.network), entries.size()));
  }
  const auto pins = assets_.pinned_with(entries.front());
  if (!pins) {
    return tl::unexpected(pins.error());
  }
  if (auto saved = store_.save_pins(*pins); !saved) {
    return tl::unexpected(saved.error());
  }
  assets_.accept(entries.front());
  return entries.front();
}

// ---------------------------------------------------------------- audit log

Status SignerCore::audit(journal::AuditRecord record) {
  const std::string said{record.text};
  std::string text = said;
  if (audit_lost_ > 0) {
    text += fmt::format("{}{} records before this one were lost", said.empty() ? "" : "; ",
                        audit_lost_);
  }
  if (refusals_left_out_ > 0) {
    text += fmt::format("{}{} refusals before this one are not listed", text.empty() ? "" : "; ",
                        refusals_left_out_);
  }
  record.text = text;
  auto written = store_.append_audit(record);
  if (written) {
    audit_lost_ = 0;
    refusals_left_out_ = 0;
  } else {
    ++audit_failures_;
    ++audit_lost_;
  }
  return written;
}

void SignerCore::audit_refusal(const v1::SignRequest& request, const Error& error,
                               ClockReading now) {
  const auto second = now.boot / std::chrono::seconds(1);
  if (second != refusals_second_) {
    refusals_second_ = second;
    refusals_in_second_ = 0;
  }
  if (++refusals_in_second_ > kRefusalsPerSecond) {
    ++refusals_left_out_;  // a client that is refused for ever must not fill the disk
    return;
  }
  ignore(audit({.time = now.wall,
                .what = "refused",
                .key = request.key(),
                .account = request.account(),
                .action_type = request.type(),
                .text = error.text}),
         "nothing was signed; the failure is counted");
}

void SignerCore::note(std::string_view what, std::string_view key, std::string_view text,
                      UnixNanos now) {
  ignore(audit({.time = now, .what = what, .key = key, .text = text}), "the failure is counted");
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
  const auto& current = rotation_.current(request.account());
  if (!request.key().empty() && request.key() != current &&
      !rotation_.draining(request.account()).contains(request.key())) {
    if (rotation_.is_retired(request.key())) {
      return refuse("retired", fmt::format("key {} was retired", request.key()));
    }
    return refuse("accounts",
                  fmt::format("account {} is signed by key {}, the request names \"{}\"",
                              request.account(), current, request.key()));
  }
  return &found->second;
}

Result<std::string> SignerCore::key_of(const v1::SignRequest& request, const ActionRequest& action,
                                       ClockReading now) {
  const auto& current = rotation_.current(request.account());
  std::string key = request.key().empty() ? current : request.key();
  if (request.key().empty() && request.has_nonce()) {
    // A fence that does not say whose nonce it burns: the one key that issued it, if only one did.
    const auto& draining = rotation_.draining(request.account());
    const bool by_current = issued_.contains(current, request.account(), request.nonce(), now.boot);
    for (const auto& old : draining) {
      if (!issued_.contains(old, request.account(), request.nonce(), now.boot)) continue;
      if (by_current || key != current) {
        return refuse("nonce", fmt::format("nonce {} was issued to several keys of account {}: the "
                                           "request must name one",
                                           request.nonce(), request.account()));
      }
      key = old;
    }
  }
  if (!keys_.has(key)) {
    return refuse("key", fmt::format("no key named \"{}\"", key));
  }
  if (key != current && needs_lease(action.action)) {
    return refuse("draining", fmt::format("key {} is being retired: key {} signs for account {}",
                                          key, current, request.account()));
  }
  return key;
}

Result<hl::ActionEnvelope> SignerCore::envelope_of(const v1::SignRequest& request,
                                                   const std::string& key,
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
  const auto* rules = config_.policy.rules_of(key);
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

Result<std::uint64_t> SignerCore::nonce_for(const v1::SignRequest& request, const std::string& key,
                                            const ActionRequest& action, ClockReading now) {
  if (request.has_nonce()) {
    if (!std::holds_alternative<hl::NoopAction>(action.action)) {
      return refuse("nonce", fmt::format("a nonce may be named for a noop only, not for {}",
                                         hl::action_type(action.action)));
    }
    if (!issued_.contains(key, request.account(), request.nonce(), now.boot)) {
      return refuse("nonce", fmt::format("nonce {} was not issued to key {} and account {} within "
                                         "2 minutes",
                                         request.nonce(), key, request.account()));
    }
    return request.nonce();
  }
  auto& source = nonces_.at(key);
  auto nonce = source.next(millis(now.wall),
                           [&](std::uint64_t mark) { return store_.save_nonce_mark(key, mark); });
  if (!nonce && nonce.error().code == ErrorCode::kIo && !needs_lease(action.action)) {
    // Cancels go on while the disk is full, as long as nonces are covered.
    if (const auto reserved = source.next_reserved()) {
      return *reserved;
    }
  }
  return nonce;
}

}  // namespace perpwire::signer
