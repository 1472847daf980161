#pragma once

#include "libs/common/time.hpp"
#include "tools/cli/session.hpp"
#include "tools/cli/transport.hpp"

#include <optional>
#include <string>

namespace perpwire::cli {

/// Prints the life of one order as the gateway publishes it, with the microseconds of each stage.
class OrderFollower {
 public:
  /// `listener` carries `orders.<venue>.` and was joined before the command was sent. `asked` = our
  /// clock when it was sent.
  OrderFollower(Session& session, Listener& listener, std::string client_order_id, UnixNanos asked);

  /// Until the order is final, or `resting` after it was created and nothing more came, or `most`.
  /// Returns the last state seen; nothing if no event of it came at all.
  std::optional<v1::OrderEvent> follow(Nanos resting, Nanos most);

 private:
  void print(const BusMessage& message) const;

  Session& session_;
  Listener& listener_;
  std::string client_order_id_;
  UnixNanos asked_;
};

/// FILLED, CANCELLED, FAILED.
bool is_final_state(const std::string& order_state);

}  // namespace perpwire::cli
