#pragma once

#include "libs/common/decimal.hpp"
#include "libs/common/result.hpp"
#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"
#include "libs/limits/risk_level.hpp"
#include "services/risk/weight_budget.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace perpwire::risk {

using limits::RiskLevel;

/// An order that the venue says is open.
struct VenueOrder {
  std::string coin;  // the venue's own: "BTC", "hyna:BTC"
  std::uint64_t venue_order_id = 0;
  std::string cloid;  // empty: none

  friend bool operator==(const VenueOrder&, const VenueOrder&) = default;
};

/// A position that the venue says is held; never zero.
struct VenuePosition {
  std::string coin;
  Quantity quantity;
};

struct HaltAccount {
  std::string name;
  std::string cloid_prefix;  // 0x + 8 hex digits
  ForeignOrders foreign_orders = ForeignOrders::kMine;
};

struct HaltConfig {
  std::vector<HaltAccount> accounts;
  std::vector<std::string> dexs{""};                            // "" = main
  Nanos gateway_ack_deadline = std::chrono::milliseconds{500};  // else: own path
  Nanos gateway_confirm_deadline = std::chrono::seconds{2};     // else: own path
  Nanos confirm_interval = std::chrono::seconds{1};             // between two questions
  Nanos first_question_after = std::chrono::milliseconds{150};  // after the gateway's word
  Nanos gateway_retry = std::chrono::seconds{1};
  /// An order that was under way when trading stopped can reach the book until it expires: the
  /// venue is asked again until then, and what appears is cancelled.
  Nanos late_orders = std::chrono::seconds{10};
  Nanos watch_interval = std::chrono::seconds{4};
  std::int64_t weight_per_minute = 180;  // 0 = unlimited
};

// What the procedure wants done. Every question and order is answered by one on_... call, which
// repeats it; `id` tells answers to an earlier halt apart.
struct TellGateway {
  RiskLevel level = RiskLevel::kRunning;
  std::uint64_t version = 0;
};
struct AskOpenOrders {
  std::uint64_t id = 0;
  std::size_t account = 0;  // index into HaltConfig
  std::size_t dex = 0;
};
struct AskPositions {
  std::uint64_t id = 0;
  std::size_t account = 0;
  std::size_t dex = 0;
};
/// Signed and posted by risk itself; at most `kMostCancels` orders.
struct CancelOrders {
  std::uint64_t id = 0;
  std::size_t account = 0;
  std::size_t dex = 0;
  std::vector<VenueOrder> orders;
};
/// Reduce-only and immediate, through the gateway: it alone holds the lease that orders need.
struct ClosePosition {
  std::size_t account = 0;
  std::string coin;
};
/// For `risk.<venue>.kill`.
struct Report {
  std::string stage;  // requested, gateway_acknowledged, own_path, confirmed, failed
  std::string path;   // gateway, risk
  std::string account;
  std::uint64_t open_orders = 0;
  std::string reason;
};
using HaltAction =
    std::variant<TellGateway, AskOpenOrders, AskPositions, CancelOrders, ClosePosition, Report>;
using HaltActions = std::vector<HaltAction>;

/// Brings the accounts to the halt that a level demands, and says so only when the venue itself has
/// said it. Pure: times are CLOCK_MONOTONIC as given.
///
/// 1. Tell the gateway level and version, again and again until it acknowledges.
/// 2. Ask the venue for open orders, of every account and DEX: none of ours = confirmed.
/// 3. The gateway does not acknowledge within its deadline, or orders are still open at the next:
///    own path: cancel what the venue lists, ask again.
/// 4. FLATTEN: once no order is open, close positions through the gateway and ask until none is
/// held.
/// 5. Confirmed is taken back when an order appears after all (one that was under way).
/// Levels that do not demand cancels end after step 1.
class HaltProcedure {
 public:
  static constexpr std::size_t kMostCancels =
      100;  // a signed action may weigh 200 (hyperliquid.md)
  static constexpr std::int64_t kOpenOrdersWeight = 20;  // hyperliquid.md 7.2
  static constexpr std::int64_t kPositionsWeight = 2;

  explicit HaltProcedure(HaltConfig config);

  /// A level to bring about, or a new version of it.
  void start(RiskLevel level, std::uint64_t version, std::string reason, Nanos now,
             HaltActions& out);
  /// Resumed: nothing more is done; answers still under way are ignored.
  void stop();

  /// Errors are retried. `version` is the one that was told.
  void on_gateway_answer(std::uint64_t version, const Status& answer, Nanos now, HaltActions& out);
  void on_open_orders(const AskOpenOrders& question, const Result<std::vector<VenueOrder>>& answer,
                      Nanos now, HaltActions& out);
  void on_positions(const AskPositions& question, const Result<std::vector<VenuePosition>>& answer,
                    Nanos now, HaltActions& out);
  void on_cancel_done(const CancelOrders& order, const Status& outcome, Nanos now,
                      HaltActions& out);
  void on_timer(Nanos now, HaltActions& out);

  [[nodiscard]] bool active() const { return level_ != RiskLevel::kRunning; }
  /// The venue itself said that nothing that the level forbids is open.
  [[nodiscard]] bool confirmed() const { return confirmed_; }
  [[nodiscard]] bool on_own_path() const { return own_path_; }
  /// Orders of ours that the venue named last.
  [[nodiscard]] std::uint64_t open_orders() const;

 private:
  struct Target {
    std::size_t account = 0;
    std::size_t dex = 0;
    // Ids of what is under way; 0 = nothing.
    std::uint64_t asking = 0;
    std::uint64_t cancelling = 0;
    std::uint64_t asking_positions = 0;
    std::optional<std::vector<VenueOrder>> open;  // ours, as last said
    Nanos ask_at{};                               // not before
    std::optional<std::size_t> positions;         // how many are held, as last said
    Nanos ask_positions_at{};
    int failures = 0;
  };

  [[nodiscard]] bool is_ours(const HaltAccount& account, const VenueOrder& order) const;
  Target& target(std::size_t account, std::size_t dex);
  void take_own_path(std::string reason, Nanos now, HaltActions& out);
  void tell_gateway(Nanos now, HaltActions& out);
  void ask(Nanos now, HaltActions& out);
  void cancel(Target& target, Nanos now, HaltActions& out);
  void settle(Nanos now, HaltActions& out);
  void report(std::string stage, std::string account, std::string reason, HaltActions& out) const;
  void report_failure(Target& target, const Error& error, HaltActions& out);
  [[nodiscard]] Nanos pause(const Target& target) const;

  HaltConfig config_;
  WeightBudget budget_;
  RiskLevel level_ = RiskLevel::kRunning;
  std::uint64_t version_ = 0;
  std::string reason_;
  Nanos started_{};
  bool acknowledged_ = false;
  Nanos tell_at_{};
  bool own_path_ = false;
  bool confirmed_ = false;
  std::vector<Target> targets_;
  std::uint64_t last_id_ = 0;
};

}  // namespace perpwire::risk
