#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace perpwire::signer {

/// What is kept on disk of an account's trading lease.
struct LeaseRecord {
  std::uint64_t epoch = 0;  // grows with every new holder, never repeats
  std::string holder;       // process.instance; empty = free
  std::string boot_id;      // of the kernel that the holder ran under

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

struct LeaseQuestion {
  std::string holder;
  std::string boot_id;
  bool take_over = false;
};

/// What a question leads to: make `record` durable, then apply it.
struct LeaseDecision {
  LeaseRecord record;
  bool changed = false;        // the record differs from what is kept
  bool same_instance = false;  // keeps its epoch: need not wait
};

/// Who may trade an account. A lease is granted when it is free, unrenewed for 10 s, or asked for
/// with take_over; the same instance under the same boot keeps its epoch. Requests of an older
/// epoch are not signed. Source: ARCHITECTURE.md section 4 ("Nonces, leases, assets").
class LeaseTable {
 public:
  static constexpr Nanos kUnrenewed = std::chrono::seconds(10);

  LeaseTable() = default;
  /// What was on disk. Every holder gets kUnrenewed from `now` to come back.
  LeaseTable(std::map<std::string, LeaseRecord> records, Nanos now);

  /// Errors: LEASE_LOST naming the holder.
  [[nodiscard]] Result<LeaseDecision> ask(const std::string& account, const LeaseQuestion& question,
                                          Nanos now) const;
  void apply(const std::string& account, const LeaseDecision& decision, Nanos now);
  /// The record without a holder. Errors: LEASE_LOST if somebody else holds it.
  [[nodiscard]] Result<LeaseDecision> release(const std::string& account,
                                              const LeaseQuestion& question) const;

  /// Whether a request with this epoch may be signed. Errors: LEASE_LOST naming holder and epoch.
  [[nodiscard]] Status check(const std::string& account, std::uint64_t epoch) const;

  [[nodiscard]] const LeaseRecord* find(const std::string& account) const;

 private:
  struct Lease {
    LeaseRecord record;
    Nanos renewed{};
  };
  std::map<std::string, Lease> leases_;
};

}  // namespace perpwire::signer
