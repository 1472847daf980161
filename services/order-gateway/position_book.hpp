#pragma once

#include "libs/common/account_events.hpp"
#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"
#include "services/order-gateway/fill_chain.hpp"

#include <map>
#include <optional>
#include <vector>

namespace perpwire::gateway {

/// Positions of one account: quantity and entry price derived from fills, everything else as the
/// venue last said. The venue's own figure is the truth; a difference that does not go away is an
/// adjustment with both numbers, never a made-up fill. Pure.
class PositionBook {
 public:
  struct Held {
    Quantity quantity;  // signed
    /// Average price of what is open, in quote: moved by each fill, replaced by the venue's own
    /// word about this quantity. Nothing while flat, and where a fill was missed.
    std::optional<WideDecimal> entry_price;
    venues::PositionWord word;
    bool word_is_current = false;  // no fill since the venue's word
    UnixNanos newest_fill;
    std::optional<Nanos> moved;  // by a fill of this life, on our monotonic clock

    void take(const venues::PositionWord& told);
  };
  struct Adjustment {
    TradingPair trading_pair;
    Quantity before;
    Quantity after;
  };

  enum class Moved {
    kNo,             // ours contains it already
    kByTheFill,      //
    kPastMissedOne,  // it started from another position than ours: a fill in between is not known
    kNotYet,         // likewise, at the time of our newest fill: which is first is not known
  };

  /// Once per execution. Returns whether, and by what, the position moved.
  Moved on_fill(const venues::Fill& fill, const TradingPair& pair, Nanos now);
  /// An execution that on_fill or restore_fill has been given before.
  Moved on_known_fill(const venues::Fill& fill, const TradingPair& pair, Nanos now);
  /// The venue's figures of one DEX: `words` by pair; pairs of `covered` that are not in it are
  /// flat. A difference counts only when the same two numbers are seen again at least `patience`
  /// later, and all fills were asked for in between (`fills_asked`: when the newest complete answer
  /// of fills was asked for): a fill that the stream lost explains it. Not within 10 s of our
  /// last move either: the answers may come from a server that does not know of it. `changed` gets
  /// the pairs whose event must be published.
  std::vector<Adjustment> on_venue(const std::map<TradingPair, venues::PositionWord>& words,
                                   const std::vector<TradingPair>& covered, Nanos now,
                                   Nanos patience, Nanos fills_asked,
                                   std::vector<TradingPair>& changed);
  /// The venue's figure of a pair as of its time `answered`: where it is ours, and 10 s younger
  /// than the newest fill, ours contains all that is known to have executed.
  void confirm(const TradingPair& pair, const Quantity& theirs, UnixNanos answered);
  /// Differences that wait for their second look.
  [[nodiscard]] bool has_suspects() const { return !suspects_.empty(); }
  [[nodiscard]] bool is_suspect(const TradingPair& pair) const { return suspects_.contains(pair); }

  void restore(const TradingPair& pair, Quantity quantity,
               std::optional<WideDecimal> entry_price = std::nullopt);
  /// A fill of an earlier life: the position that it led to is restored by itself.
  void restore_fill(const venues::Fill& fill, const TradingPair& pair);
  [[nodiscard]] const std::map<TradingPair, Held>& all() const { return held_; }
  [[nodiscard]] Quantity quantity(const TradingPair& pair) const;
  /// The longest (side BUY) or shortest (SELL) position that what is known to have executed allows:
  /// fills that wait for one in between count, whether ours contains them or not. For limits.
  [[nodiscard]] Quantity worst(const TradingPair& pair, Side side) const;
  /// The venue's time of the newest fill that is known; 0: none.
  [[nodiscard]] UnixNanos newest_fill(const TradingPair& pair) const;

 private:
  struct Suspect {
    Quantity ours;
    Quantity venues_own;
    Nanos since{0};
  };
  /// Fills at the time of the newest one.
  struct Instant {
    FillChain fills;
    /// Of an earlier life, with what they changed: the journal does not say from which position
    /// they started, nor whether the position that it knows contains them.
    std::map<venues::FillKey, Quantity> restored;

    /// The position contains all of them.
    void contained();
  };
  Moved follow(const TradingPair& pair, Held& held, Instant& instant, Nanos now);

  std::map<TradingPair, Held> held_;
  std::map<TradingPair, Instant> instants_;
  std::map<TradingPair, Suspect> suspects_;
};

}  // namespace perpwire::gateway
