#pragma once

#include "libs/common/account_events.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace perpwire::gateway {

/// Which executions of an account were counted, within a bound: the newest `keep` by the venue's
/// time. What is older than the oldest of them counts as known: it was told long ago.
///
/// An execution is (time, trade id, venue order id); the order id says the coin.
/// Pure.
class FillMemory {
 public:
  explicit FillMemory(std::size_t keep) : keep_(keep) {}

  [[nodiscard]] bool contains(const venues::FillKey& key) const;
  /// False: it was known.
  bool insert(const venues::FillKey& key);
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

  /// For the journal; the bytes are this program's own.
  [[nodiscard]] std::string serialise() const;
  /// Adds what they hold. False for bytes that no version of this program wrote.
  bool restore(std::string_view bytes);

 private:
  using Key = std::pair<std::int64_t, std::uint64_t>;  // venue time, hash of the rest
  static Key key_of(const venues::FillKey& key);
  void bound();

  std::size_t keep_;
  std::set<Key> keys_;
  std::int64_t forgotten_through_ = INT64_MIN;  // venue time
};

}  // namespace perpwire::gateway
