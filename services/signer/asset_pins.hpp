#pragma once

#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace perpwire::signer {

struct AssetEntry {
  TradingPair pair;
  std::uint64_t asset = 0;

  friend bool operator==(const AssetEntry&, const AssetEntry&) = default;
};

/// The signer's own map of pairs to asset numbers: told by its clients at hello, pinned on first
/// use, kept on disk. A number that is not the named pair's is refused, and so is a later different
/// number for a known pair. One network.
class AssetPins {
 public:
  AssetPins() = default;
  explicit AssetPins(std::vector<AssetEntry> pinned);

  /// A client's map. The first number told for a pair (or asset) counts until a restart, a pinned
  /// one for ever. Returns the entries that contradict what is known, in words.
  std::vector<std::string> told(const std::vector<AssetEntry>& entries);

  /// Whether the asset number is the named pair's. Errors: kSignerRefused, rule asset_map.
  [[nodiscard]] Status check(const AssetEntry& entry) const;
  /// Whether using it would pin it: make it durable, then call pin().
  [[nodiscard]] bool is_new(const AssetEntry& entry) const;
  void pin(const AssetEntry& entry);

  /// An operator's word: the pair's number is this one from now on. Make pinned_with() durable
  /// first. Errors of pinned_with: kSignerRefused, rule asset_map, if the number is another pair's.
  [[nodiscard]] Result<std::vector<AssetEntry>> pinned_with(const AssetEntry& entry) const;
  void accept(const AssetEntry& entry);

  [[nodiscard]] std::vector<AssetEntry> pinned() const;

 private:
  struct Known {
    std::uint64_t asset = 0;
    bool pinned = false;
  };
  std::map<std::string, Known> by_pair_;
  std::map<std::uint64_t, std::string> by_asset_;
};

}  // namespace perpwire::signer
