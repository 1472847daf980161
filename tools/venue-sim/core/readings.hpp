#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perpwire::sim {

/// Where the venue's documents conflict or are silent (hyperliquid.md section 14) a client must
/// survive every reading. Each field is one open point; a seed picks all of them, and each can be
/// set by name.
struct Readings {
  /// A tick, size or minimum-value reject gets an oid, a record and an `orderUpdates` entry.
  int static_reject_is_recorded = 0;
  /// A fired trigger: 0 the same order continues, 1 a child order with a new oid follows.
  int trigger_makes_child = 0;
  /// `candle` data: 0 one object, 1 an array of one.
  int candle_is_array = 0;
  /// A bad price: 0 "Order has invalid price.", 1 "Price must be divisible by tick size.".
  int bad_price_text = 0;
  /// A cloid that is already live: which of the texts.
  int duplicate_cloid_text = 0;
  /// An unknown asset: which of the texts.
  int unknown_asset_text = 0;
  /// An error found before execution: 0 one per order, the others go on; 1 one status for the whole
  /// batch; 2 `status: err` for the whole batch.
  int static_error_scope = 0;
  /// Per-order errors end with " asset=N".
  int asset_suffix = 1;
  /// No orders: 0 `status: err`, 1 a status entry.
  int empty_orders_is_status = 0;
  /// `modify` without `a` whose new order is refused: 1 the old order lives on, 0 it is gone.
  int refused_modify_keeps_old = 1;
  /// `modify` without `c`: 1 the old cloid is kept.
  int modify_keeps_cloid = 1;
  /// `f: false` or `a: false`: 0 HTTP 422, 1 an unknown signer (they are no part of the hash).
  int explicit_false_is_unknown_signer = 0;
  /// normalTpsl children: 1 shown in openOrders, and `open` sent, while they wait for the parent.
  int waiting_children_are_open = 0;
  /// A refused parent: 1 its error once for the group, 0 once per order.
  int refused_parent_answers_once = 0;
  /// `sz` in the `filled` entry of a partly filled IOC: 0 the dropped rest, 1 "0.0".
  int partial_ioc_size_is_zero = 1;
  /// A GTC that fills in part and rests: 0 answers `resting`, 1 answers `filled`.
  int partial_gtc_answers_filled = 0;
  /// A partial fill of a resting order sends an `open` entry with the lower `sz`.
  int partial_fill_sends_update = 0;
  /// Shrinking by reduce-only logic sends an `open` entry.
  int reduce_only_shrink_sends_update = 0;
  /// An address-limit refusal uses up the nonce.
  int limit_refusal_uses_nonce = 1;
  /// expiresAfter equal to the block time counts as expired.
  int expiry_is_inclusive = 0;
  /// "Already subscribed" echoes: 0 the object as sent, 1 the normalised one.
  int already_subscribed_is_normalised = 1;
  /// The first frame of a connection is the plain text greeting.
  int greeting = 1;
  /// `meta` and others with an unknown dex: 0 HTTP 422, 1 null, 2 HTTP 500 with body null.
  int unknown_dex = 0;
  /// A subscription for an unknown coin: 0 an error frame, 1 acknowledged and silent.
  int unknown_coin_is_silent = 0;
  /// The answer of an action comes: 0 before, 1 after the stream frames of its block.
  int answer_after_streams = 0;
  /// Fees: 0 cut to 6 places (as in the recorded fills), 1 rounded half-even.
  int fees_round_half_even = 0;
  /// The `userFills` snapshot: 0 newest first, 1 oldest first.
  int fills_snapshot_oldest_first = 0;
  /// TWAP slices appear in `orderUpdates`.
  int twap_slices_in_updates = 0;
  /// historicalOrders: 0 one row per order with its last status, 1 one row per change.
  int history_has_every_change = 0;
  /// "User or API Wallet" comes with the prefix "L1 error: ".
  int unknown_signer_prefix = 0;
  /// orderStatus and openOrders do not know a new order for so many ms after it was accepted.
  int status_lag_ms = 0;
  /// Orders and fills carry a key that no document names.
  int new_keys = 0;
  /// The first data of a subscription arrive before its acknowledgement.
  int data_before_ack = 0;
  /// A refused 31st connection: 0 HTTP 429, 1 accepted and closed.
  int refused_connection_is_closed = 0;
};

/// Seed 0 gives the defaults above; every other seed its own mix.
Readings readings_from_seed(std::uint64_t seed);
/// Sets one reading by name; kInvalidCommand names an unknown name or a value out of range.
Status set_reading(Readings& readings, std::string_view name, int value);
std::vector<std::pair<std::string_view, int>> list_readings(const Readings& readings);

}  // namespace perpwire::sim
