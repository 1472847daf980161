#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perpwire::marketstream {

struct ShardLimits {
  std::size_t connections = 1;        // that this process may open
  std::size_t per_connection = 500;   // subscriptions, before another connection is opened
  std::size_t subscriptions = 1'000;  // over all connections
};

/// Spreads subscriptions over connections. All streams of one coin share a connection, because its
/// book and its bbo are checked against each other. Pure.
class ShardPlan {
 public:
  explicit ShardPlan(const ShardLimits& limits) : limits_(limits) {}

  /// Room for one more subscription of `owner` (a coin, or a DEX's mids).
  /// Returns: the connection's number; nothing if the venue's limit is reached.
  std::optional<std::size_t> take(const std::string& owner);
  void release(const std::string& owner);

  [[nodiscard]] std::size_t connections() const { return loads_.size(); }
  [[nodiscard]] std::size_t subscriptions() const { return total_; }

 private:
  struct Place {
    std::size_t connection;
    std::size_t count;
  };
  std::size_t place();

  ShardLimits limits_;
  std::vector<std::size_t> loads_;  // subscriptions of each connection
  std::map<std::string, Place> owners_;
  std::size_t total_ = 0;
};

}  // namespace perpwire::marketstream
