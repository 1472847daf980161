#include "services/signer/lease_table.hpp"

#include <fmt/format.h>

namespace perpwire::signer {

LeaseTable::LeaseTable(std::map<std::string, LeaseRecord> records, Nanos now) {
  for (auto& [account, record] : records) {
    leases_[account] = Lease{std::move(record), now};
  }
}

Result<LeaseDecision> LeaseTable::ask(const std::string& account, const LeaseQuestion& question,
                                      Nanos now) const {
  if (question.holder.empty() || question.boot_id.empty()) {
    return fail(ErrorCode::kInvalidCommand, "lease: holder and boot_id are required");
  }
  const auto found = leases_.find(account);
  const Lease none;
  const auto& lease = found == leases_.end() ? none : found->second;
  const auto& record = lease.record;
  if (record.holder == question.holder && record.boot_id == question.boot_id) {
    return LeaseDecision{record, false, true};
  }
  const bool unrenewed = now - lease.renewed > kUnrenewed;
  // The same instance after a reboot, or with another boot id: nothing of the old one runs.
  const bool same_name = record.holder == question.holder;
  if (!record.holder.empty() && !same_name && !unrenewed && !question.take_over) {
    return fail(ErrorCode::kLeaseLost, fmt::format("account {} is held by {} with epoch {}",
                                                   account, record.holder, record.epoch));
  }
  return LeaseDecision{{record.epoch + 1, question.holder, question.boot_id}, true, false};
}

void LeaseTable::apply(const std::string& account, const LeaseDecision& decision, Nanos now) {
  leases_[account] = Lease{decision.record, now};
}

Result<LeaseDecision> LeaseTable::release(const std::string& account,
                                          const LeaseQuestion& question) const {
  const auto found = leases_.find(account);
  if (found == leases_.end() || found->second.record.holder != question.holder) {
    return fail(ErrorCode::kLeaseLost,
                fmt::format("account {} is not held by {}", account, question.holder));
  }
  return LeaseDecision{{found->second.record.epoch, "", ""}, true, false};
}

Status LeaseTable::check(const std::string& account, std::uint64_t epoch) const {
  const auto* record = find(account);
  if (record == nullptr || record->holder.empty()) {
    return fail(ErrorCode::kLeaseLost,
                fmt::format("account {} has no holder: ask for the lease first", account));
  }
  if (record->epoch != epoch) {
    return fail(ErrorCode::kLeaseLost,
                fmt::format("account {} is held by {} with epoch {}, the request has {}", account,
                            record->holder, record->epoch, epoch));
  }
  return {};
}

const LeaseRecord* LeaseTable::find(const std::string& account) const {
  const auto found = leases_.find(account);
  return found == leases_.end() ? nullptr : &found->second.record;
}

}  // namespace perpwire::signer
