#pragma once

#include "libs/common/time.hpp"
#include "perpwire/v1/signing.pb.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::gateway::sim {

/// A venue in a few hundred lines for the engine's simulation: nonces, expiry, orders, modifies,
/// fills, a stream that may lie by silence and answers of /info that lag. Quantities are whole lots
/// of 0.001. It knows nothing of the code under test; the checker reads it directly.
class SimVenue {
 public:
  struct Moment {
    std::int64_t time_ms;
    std::string status;
    std::int64_t remaining;
  };
  struct Order {
    std::uint64_t oid = 0;
    std::string cloid;
    bool buy = false;
    std::string price;
    std::int64_t lots = 0;
    std::int64_t remaining = 0;
    std::string tif;
    std::int64_t created_ms = 0;
    std::string status;  // open, filled, canceled, ...
    std::vector<Moment> history;
  };
  struct Fill {
    std::uint64_t oid = 0;
    std::string cloid;
    bool buy = false;
    std::string price;
    std::int64_t lots = 0;
    std::int64_t time_ms = 0;
    std::uint64_t tid = 0;
    std::int64_t start_position = 0;
  };
  struct Signed {
    v1::SignRequest request;
    std::uint64_t nonce = 0;
    std::uint64_t expires_ms = 0;
  };

  explicit SimVenue(std::uint64_t seed) : random_(seed ^ 0x9e3779b97f4a7c15ULL) {}

  std::function<void(std::string)> on_frame;
  std::int64_t now_ms = 0;
  std::int64_t info_lag_ms = 0;

  /// A signed body: "#<index>" into `book`.
  std::vector<Signed> book;
  std::string exchange(std::string_view body);
  std::string info(std::string_view body);
  /// Something happens to a resting order.
  void background();
  std::string fills_snapshot() const;

  [[nodiscard]] const std::map<std::uint64_t, Order>& orders() const { return orders_; }
  [[nodiscard]] const std::vector<Fill>& fills() const { return fills_; }
  [[nodiscard]] std::int64_t position() const { return position_; }
  /// How often an `order` action with this cloid reached the book.
  [[nodiscard]] const std::map<std::string, int>& placements() const { return placements_; }

 private:
  bool chance(int percent) { return static_cast<int>(random_() % 100) < percent; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  std::string place(const v1::WireOrder& wire);
  std::string modify(const v1::WireModify& wire);
  std::string cancel(const v1::WireCancelByCloid& wire);
  Order& rest(const v1::WireOrder& wire, std::int64_t lots);
  void set_status(Order& order, const std::string& status);
  void execute(Order& order, std::int64_t lots);
  Order* newest_live(const std::string& cloid);
  [[nodiscard]] std::string order_json(const Order& order, std::int64_t remaining) const;
  [[nodiscard]] static std::string fill_json(const Fill& fill);

  std::mt19937_64 random_;
  std::map<std::uint64_t, Order> orders_;
  std::vector<Fill> fills_;
  std::set<std::uint64_t> nonces_;
  std::map<std::string, int> placements_;
  std::int64_t position_ = 0;
  std::uint64_t next_oid_ = 1'000;
  std::uint64_t next_tid_ = 5'000'000;
};

std::string lots_text(std::int64_t lots);

}  // namespace perpwire::gateway::sim
