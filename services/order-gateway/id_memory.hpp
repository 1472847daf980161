#pragma once

#include "libs/common/time.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace perpwire::gateway {

/// The client order ids of orders that are no longer held in memory: whether one was used, and for
/// which content. The service's implementation is a file (id_file.hpp), so that a million orders
/// cost no memory; tests and simulations use IdsInMemory.
class IdMemory {
 public:
  /// The 12 bytes of the cloid that are derived from account and client order id.
  using Key = std::array<std::uint8_t, 12>;

  virtual ~IdMemory() = default;
  /// The fingerprint that it was kept with.
  [[nodiscard]] virtual std::optional<std::uint32_t> find(const Key& key) const = 0;
  /// False: it could not be kept; the order must then stay in memory.
  virtual bool keep(const Key& key, std::uint32_t fingerprint, UnixNanos at) = 0;
  /// Ids last kept before that may be dropped.
  virtual void forget_before(UnixNanos before) = 0;

  /// Of "0x" + 32 hex digits; nothing for any other text.
  static std::optional<Key> key_of(std::string_view cloid);
};

class IdsInMemory : public IdMemory {
 public:
  [[nodiscard]] std::optional<std::uint32_t> find(const Key& key) const override;
  bool keep(const Key& key, std::uint32_t fingerprint, UnixNanos at) override;
  void forget_before(UnixNanos before) override;
  [[nodiscard]] std::size_t size() const { return ids_.size(); }

 private:
  std::map<Key, std::pair<std::uint32_t, UnixNanos>> ids_;
};

}  // namespace perpwire::gateway
