#include "services/signer/asset_pins.hpp"

#include <fmt/format.h>

namespace perpwire::signer {

AssetPins::AssetPins(std::vector<AssetEntry> pinned) {
  for (const auto& entry : pinned) {
    pin(entry);
  }
}

std::vector<std::string> AssetPins::told(const std::vector<AssetEntry>& entries) {
  std::vector<std::string> conflicts;
  for (const auto& entry : entries) {
    const auto [pair, new_pair] = by_pair_.try_emplace(entry.pair.value(), Known{entry.asset});
    if (!new_pair) {
      if (pair->second.asset != entry.asset) {
        conflicts.push_back(fmt::format("{} is asset {}, told {}", entry.pair.value(),
                                        pair->second.asset, entry.asset));
      }
      continue;
    }
    const auto [asset, new_asset] = by_asset_.try_emplace(entry.asset, entry.pair.value());
    if (!new_asset) {
      conflicts.push_back(
          fmt::format("asset {} is {}, told {}", entry.asset, asset->second, entry.pair.value()));
      by_pair_.erase(pair);
    }
  }
  return conflicts;
}

Status AssetPins::check(const AssetEntry& entry) const {
  const auto found = by_pair_.find(entry.pair.value());
  if (found == by_pair_.end()) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule asset_map: pair \"{}\" is not known: tell the asset map at hello",
                            entry.pair.value()));
  }
  if (found->second.asset != entry.asset) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule asset_map: {} is asset {}, the action has {}", entry.pair.value(),
                            found->second.asset, entry.asset));
  }
  return {};
}

bool AssetPins::is_new(const AssetEntry& entry) const {
  const auto found = by_pair_.find(entry.pair.value());
  return found == by_pair_.end() || !found->second.pinned;
}

void AssetPins::pin(const AssetEntry& entry) {
  by_pair_[entry.pair.value()] = Known{entry.asset, true};
  by_asset_[entry.asset] = entry.pair.value();
}

Result<std::vector<AssetEntry>> AssetPins::pinned_with(const AssetEntry& entry) const {
  const auto owner = by_asset_.find(entry.asset);
  if (owner != by_asset_.end() && owner->second != entry.pair.value()) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule asset_map: asset {} is {}, not {}", entry.asset, owner->second,
                            entry.pair.value()));
  }
  AssetPins changed = *this;
  changed.accept(entry);
  return changed.pinned();
}

void AssetPins::accept(const AssetEntry& entry) {
  const auto before = by_pair_.find(entry.pair.value());
  if (before != by_pair_.end()) by_asset_.erase(before->second.asset);
  pin(entry);
}

std::vector<AssetEntry> AssetPins::pinned() const {
  std::vector<AssetEntry> all;
  for (const auto& [pair, known] : by_pair_) {
    if (known.pinned) {
      all.push_back({TradingPair{pair}, known.asset});
    }
  }
  return all;
}

}  // namespace perpwire::signer
