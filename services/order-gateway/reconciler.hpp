#pragma once

#include "libs/venues/hyperliquid/account_messages.hpp"
#include "services/order-gateway/engine_core.hpp"
#include "services/order-gateway/position_book.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::gateway {

/// Name of the journal's note of cloids that a lost journal had used: "<account> <cloid>...".
inline constexpr std::string_view kUsedCloids = "used_cloids";

/// Compares ours with the venue's view and repairs ours: at start, after every reconnect, and as a
/// sweep in between. Open orders and clearinghouse per DEX, fills since the last known one with
/// overlap (paged without losing equal timestamps), balances, then the status of every non-final
/// order that was not among the open ones. Everything learnt goes into the tracker as facts: a
/// second run over an unchanged venue changes nothing.
/// Pure; owned by AccountEngine.
class Reconciler {
 public:
  Reconciler(EngineCore& core, PositionBook& positions);

  /// What a finished run repaired, by kind; empty: nothing was wrong.
  using Repaired = std::map<std::string, std::uint64_t>;
  std::function<void(const Repaired&)> on_done;
  std::function<void(const hyperliquid::ClearinghouseState&, const std::string& dex)> on_margin;
  std::function<void(const std::vector<venues::BalanceWord>&)> on_balances;
  std::function<void(const PositionBook::Adjustment&)> on_adjustment;
  std::function<void(const TradingPair&)> on_position_changed;
  /// A position differs from the venue's outside a run: fills must be asked for.
  std::function<void()> on_suspicion;

  /// All of it, or with `dex` one DEX and the fills (a sweep). A run in progress is abandoned.
  void begin(const std::optional<std::string>& dex = std::nullopt);
  void abandon();
  /// The next runs take the cloids of historical orders as used, until one has.
  void want_history() {
    history_wanted_ = true;
    history_known_ = false;
  }
  void on_timer();
  [[nodiscard]] bool running() const { return running_; }
  /// Why the newest question that has to be asked again was not answered; empty if none has.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// Positions and margin of one DEX alone, soon.
  void refresh_positions(const std::string& dex);

  /// Fills older than this are of before our time: neither published nor counted.
  void set_fills_floor(UnixNanos floor) { fills_floor_ = floor; }
  [[nodiscard]] UnixNanos fills_floor() const { return fills_floor_; }

 private:
  /// Takes a body; an error asks again.
  using Take = std::function<Status(const std::string&)>;
  struct Task {
    std::string body;
    Take take;
    Nanos not_before{0};
  };
  enum class Phase { kTime, kState, kStatuses };

  void add(std::string body, Take take, Nanos not_before = Nanos{0});
  void pump();
  void next_phase();
  void ask_state();
  void ask_recent_fills();
  void ask_fills(std::int64_t from_ms, Nanos begun);
  void ask_statuses();
  void ask_foreign_statuses();
  void finish();
  Status take_open_orders(const std::string& body);
  Status take_clearinghouse(const std::string& dex, const std::string& body);
  Status take_history(const std::string& body);
  /// What history knows and nobody here does was used by an earlier life: never again.
  void mark_history();
  Status take_fills(std::int64_t from_ms, Nanos begun, const std::string& body);
  /// All fills that the venue has for this run were taken.
  void on_all_fills(Nanos begun);
  /// A word of a query, counted if it changed its order.
  void take_word(const venues::OrderWord& word);
  void adopt_orphans();

  EngineCore& core_;
  PositionBook& positions_;
  bool running_ = false;
  Phase phase_ = Phase::kTime;
  std::uint64_t generation_ = 0;
  std::vector<std::string> dexs_;
  std::vector<Task> tasks_;
  std::size_t asked_ = 0;
  UnixNanos asked_at_venue_time_;
  std::set<std::string> seen_open_;  // cloids
  std::set<VenueOrderId> seen_open_ids_;
  std::set<venues::FillKey> seen_fills_;
  Repaired repaired_;
  UnixNanos fills_floor_;
  Nanos fills_asked_{0};            // when the newest complete answer was asked for
  std::int64_t fills_seen_ms_ = 0;  // the newest of this run's answers
  /// Since when every complete answer lacked the newest fill that we know.
  std::optional<Nanos> fills_behind_since_;
  bool history_wanted_ = false;  // beside that of a journal that may be behind
  bool history_known_ = false;
  bool history_taken_ = false;
  std::set<std::string> history_finished_;  // cloids
  std::string problem_;
};

}  // namespace perpwire::gateway
