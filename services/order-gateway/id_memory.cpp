#include "services/order-gateway/id_memory.hpp"

#include <cstddef>

namespace perpwire::gateway {
namespace {

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<IdMemory::Key> IdMemory::key_of(std::string_view cloid) {
  constexpr std::size_t kPrefix = 2 + 8;
  Key key{};
  if (cloid.size() != kPrefix + 2 * key.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto high = digit(cloid[kPrefix + 2 * i]);
    const auto low = digit(cloid[kPrefix + 2 * i + 1]);
    if (!high || !low) return std::nullopt;
    key[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return key;
}

std::optional<std::uint32_t> IdsInMemory::find(const Key& key) const {
  const auto found = ids_.find(key);
  if (found == ids_.end()) return std::nullopt;
  return found->second.first;
}

bool IdsInMemory::keep(const Key& key, std::uint32_t fingerprint, UnixNanos at) {
  ids_.insert_or_assign(key, std::pair{fingerprint, at});
  return true;
}

void IdsInMemory::forget_before(UnixNanos before) {
  std::erase_if(ids_, [before](const auto& id) { return id.second.second < before; });
}

}  // namespace perpwire::gateway
