#include "tools/venue-sim/core/readings.hpp"

#include "tools/venue-sim/core/rng.hpp"

namespace perpwire::sim {
namespace {

struct Entry {
  std::string_view name;
  int Readings::*field;
  int highest;
};

constexpr Entry kEntries[] = {
    {"static_reject_is_recorded", &Readings::static_reject_is_recorded, 1},
    {"trigger_makes_child", &Readings::trigger_makes_child, 1},
    {"candle_is_array", &Readings::candle_is_array, 1},
    {"bad_price_text", &Readings::bad_price_text, 1},
    {"duplicate_cloid_text", &Readings::duplicate_cloid_text, 2},
    {"unknown_asset_text", &Readings::unknown_asset_text, 2},
    {"static_error_scope", &Readings::static_error_scope, 2},
    {"asset_suffix", &Readings::asset_suffix, 1},
    {"empty_orders_is_status", &Readings::empty_orders_is_status, 1},
    {"refused_modify_keeps_old", &Readings::refused_modify_keeps_old, 1},
    {"modify_keeps_cloid", &Readings::modify_keeps_cloid, 1},
    {"explicit_false_is_unknown_signer", &Readings::explicit_false_is_unknown_signer, 1},
    {"waiting_children_are_open", &Readings::waiting_children_are_open, 1},
    {"refused_parent_answers_once", &Readings::refused_parent_answers_once, 1},
    {"partial_ioc_size_is_zero", &Readings::partial_ioc_size_is_zero, 1},
    {"partial_gtc_answers_filled", &Readings::partial_gtc_answers_filled, 1},
    {"partial_fill_sends_update", &Readings::partial_fill_sends_update, 1},
    {"reduce_only_shrink_sends_update", &Readings::reduce_only_shrink_sends_update, 1},
    {"limit_refusal_uses_nonce", &Readings::limit_refusal_uses_nonce, 1},
    {"expiry_is_inclusive", &Readings::expiry_is_inclusive, 1},
    {"already_subscribed_is_normalised", &Readings::already_subscribed_is_normalised, 1},
    {"greeting", &Readings::greeting, 1},
    {"unknown_dex", &Readings::unknown_dex, 2},
    {"unknown_coin_is_silent", &Readings::unknown_coin_is_silent, 1},
    {"answer_after_streams", &Readings::answer_after_streams, 1},
    {"fees_round_half_even", &Readings::fees_round_half_even, 1},
    {"fills_snapshot_oldest_first", &Readings::fills_snapshot_oldest_first, 1},
    {"twap_slices_in_updates", &Readings::twap_slices_in_updates, 1},
    {"history_has_every_change", &Readings::history_has_every_change, 1},
    {"unknown_signer_prefix", &Readings::unknown_signer_prefix, 1},
    {"status_lag_ms", &Readings::status_lag_ms, 300},
    {"new_keys", &Readings::new_keys, 1},
    {"data_before_ack", &Readings::data_before_ack, 1},
    {"refused_connection_is_closed", &Readings::refused_connection_is_closed, 1},
};

}  // namespace

Readings readings_from_seed(std::uint64_t seed) {
  Readings readings;
  if (seed == 0) {
    return readings;
  }
  Rng rng{mix64(seed) ^ 0x7265616473U};
  for (const auto& entry : kEntries) {
    readings.*entry.field = static_cast<int>(rng.between(0, entry.highest));
  }
  return readings;
}

Status set_reading(Readings& readings, std::string_view name, int value) {
  for (const auto& entry : kEntries) {
    if (entry.name != name) {
      continue;
    }
    if (value < 0 || value > entry.highest) {
      return fail(ErrorCode::kInvalidCommand, "reading " + std::string(name) + ": expected 0 to " +
                                                  std::to_string(entry.highest) + ", found " +
                                                  std::to_string(value));
    }
    readings.*entry.field = value;
    return {};
  }
  return fail(ErrorCode::kInvalidCommand, "unknown reading " + std::string(name));
}

std::vector<std::pair<std::string_view, int>> list_readings(const Readings& readings) {
  std::vector<std::pair<std::string_view, int>> result;
  for (const auto& entry : kEntries) {
    result.emplace_back(entry.name, readings.*entry.field);
  }
  return result;
}

}  // namespace perpwire::sim
