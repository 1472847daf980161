#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "perpwire/v1/orders.pb.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::gateway {

/// What is cancelled when a client falls silent.
enum class OnDisconnect { kStrategy, kAccount, kNone };
std::string_view to_string(OnDisconnect policy);

/// Sessions of clients: each promised to be heard again within its time. ZeroMQ does not tell that
/// a peer is gone, so that silence is what counts. Pure.
class Sessions {
 public:
  struct Session {
    std::string name;  // of the strategy
    OnDisconnect policy = OnDisconnect::kNone;
    Nanos timeout{};
    Nanos deadline{};  // monotonic
  };
  struct Change {
    bool changed = false;  // of what the journal keeps: begun, ended or with other terms
    bool ended = false;
  };

  /// Begins a session, keeps it alive, or ends it (heartbeat_timeout_ms = 0).
  /// Errors: INVALID_COMMAND naming the field, what was expected and what was found.
  Result<Change> hear(const v1::Session& session, Nanos now);
  /// Sessions whose time is over; they are gone afterwards.
  std::vector<Session> take_silent(Nanos now);
  [[nodiscard]] bool empty() const { return sessions_.empty(); }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  [[nodiscard]] std::string serialise() const;
  /// Each has its whole time from `now`.
  void restore(std::string_view text, Nanos now);
  void restart_clocks(Nanos now);

 private:
  std::map<std::string, Session> sessions_;
};

}  // namespace perpwire::gateway
