#include "services/order-gateway/fill_memory.hpp"

#include <algorithm>
#include <cstring>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kEntryBytes = 16;

std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211U;
  }
  return hash;
}

template <class T>
void append(T value, std::string& out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

template <class T>
T read(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

FillMemory::Key FillMemory::key_of(const venues::FillKey& key) {
  std::uint64_t hash = fnv(14695981039346656037U, key.trade_id);
  hash = fnv(fnv(hash, "/"), key.venue_order_id);
  return {key.time, hash};
}

bool FillMemory::contains(const venues::FillKey& key) const {
  return key.time <= forgotten_through_ || keys_.contains(key_of(key));
}

bool FillMemory::insert(const venues::FillKey& key) {
  if (key.time <= forgotten_through_) return false;
  if (!keys_.insert(key_of(key)).second) return false;
  bound();
  return true;
}

void FillMemory::bound() {
  while (keys_.size() > keep_) {
    forgotten_through_ = std::max(forgotten_through_, keys_.begin()->first);
    // All of one moment go together: what is left of it could not be told from what is gone.
    while (!keys_.empty() && keys_.begin()->first <= forgotten_through_) keys_.erase(keys_.begin());
  }
}

std::string FillMemory::serialise() const {
  std::string bytes;
  bytes.reserve(8 + keys_.size() * kEntryBytes);
  append(forgotten_through_, bytes);
  for (const auto& [time, hash] : keys_) {
    append(time, bytes);
    append(hash, bytes);
  }
  return bytes;
}

bool FillMemory::restore(std::string_view bytes) {
  if (bytes.size() < 8 || (bytes.size() - 8) % kEntryBytes != 0) return false;
  forgotten_through_ = std::max(forgotten_through_, read<std::int64_t>(bytes, 0));
  for (std::size_t at = 8; at < bytes.size(); at += kEntryBytes) {
    keys_.emplace(read<std::int64_t>(bytes, at), read<std::uint64_t>(bytes, at + 8));
  }
  bound();
  return true;
}

}  // namespace perpwire::gateway
