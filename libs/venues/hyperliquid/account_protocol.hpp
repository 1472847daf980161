#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/net/subscription_set.hpp"
#include "libs/venues/hyperliquid/account_messages.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace perpwire::hyperliquid {

/// The user stream of one account on a connection of its own: orderUpdates and userEvents carry no
/// user, so no other account may share it (hyperliquid.md section 8.4).
///
/// Pure: frames and times in, actions out. Ready only when all three subscriptions are acknowledged
/// and the userFills snapshot has come: what the socket says of itself does not count.
class AccountProtocol {
 public:
  struct SendText {
    std::string text;
  };
  /// The stream can be trusted from here on; what was missed before must be asked for.
  struct StreamReady {};
  /// Connected and still not ready: what was lost (an acknowledgement, the fills snapshot, which is
  /// sent once) does not come again on this connection. The caller makes a new one.
  struct Stuck {
    std::string waiting_for;
  };
  using Action = std::variant<SendText, StreamReady, Stuck, OrderUpdates, UserFills, UserEvent,
                              PostAnswer, StreamError>;
  /// From on_connected() to Stuck.
  static constexpr Nanos kReadyDeadline = std::chrono::seconds{10};
  struct Counters {
    std::uint64_t frames = 0;
    std::uint64_t malformed = 0;  // whole frames that did not parse
    std::uint64_t problems = 0;   // elements of frames
    std::uint64_t unknown_statuses = 0;
    std::uint64_t other_channels = 0;
    std::uint64_t other_users = 0;  // userFills of somebody else: dropped
  };

  /// `user` = account address, 0x + 40 hex digits, lower case.
  explicit AccountProtocol(std::string user);

  void on_connected(Nanos now, std::vector<Action>& out);
  void on_disconnected();
  /// Returns the problems found, for the log; the frame's good parts are in `out`.
  std::vector<std::string> on_text(std::string_view frame, Nanos now, std::vector<Action>& out);
  void on_timer(Nanos now, std::vector<Action>& out);

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

  /// A WebSocket post of a signed body (section 8.6), and of a request of /info.
  static std::string post_action_frame(std::uint64_t id, std::string_view body);
  static std::string post_info_frame(std::uint64_t id, std::string_view body);
  /// The venue's own ping, and whether a frame answers it.
  static std::string ping_frame() { return R"({"method":"ping"})"; }
  static bool is_pong(std::string_view frame);

 private:
  void send_due(Nanos now, std::vector<Action>& out);
  void check_ready(std::vector<Action>& out);
  void check_stuck(Nanos now, std::vector<Action>& out);

  std::string user_;
  net::SubscriptionSet subscriptions_;
  std::optional<Nanos> ready_by_;  // until ready, or until it was said that it is not
  bool fills_snapshot_ = false;
  bool ready_ = false;
  Counters counters_;
};

}  // namespace perpwire::hyperliquid
