#pragma once

#include "tools/venue-sim/core/rng.hpp"
#include "tools/venue-sim/core/units.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::sim {

/// What goes wrong with one request (HTTP or WebSocket post).
struct RequestFault {
  enum class Kind {
    kLoseBefore,  // never executed, never answered
    kLoseAfter,   // executed, never answered
    kReply,       // answered with `status` and `body`; executed only if `execute`
    kDelay,       // executed at once, answered `delay` later
    kHold,        // executed only `delay` later
    kDuplicate,   // answered twice (WebSocket posts)
  };
  Kind kind = Kind::kLoseBefore;
  /// "any", "info", "exchange" (HTTP or post), "post" (WebSocket), "http", or an action or info
  /// type.
  std::string match = "any";
  int status = 502;
  std::string body;
  std::string content_type = "text/html";
  bool execute = false;
  Millis delay = 0;
  int count = 1;  // how many requests; -1 = until cleared
};

/// What goes wrong with frames of user streams.
struct FrameFault {
  enum class Kind { kDrop, kDuplicate, kDelay, kReorder };
  Kind kind = Kind::kDrop;
  std::string channel;  // a subscription type; empty = every user stream
  Millis delay = 0;     // kDelay; the most for kReorder (each frame its own delay)
  int count = 1;        // frames; -1 = until cleared
};

struct RequestShape {
  bool is_post = false;      // over the WebSocket
  bool is_exchange = false;  // else info
  std::string_view type;     // of the action or info request
};

struct FrameFate {
  std::size_t copies = 1;
  Millis delay = 0;
};

/// The faults that are waiting to happen; control commands fill it. Pure.
class FaultPlan {
 public:
  explicit FaultPlan(std::uint64_t seed) : rng_(mix64(seed) ^ 0x66617574U) {}

  void add(RequestFault fault) { requests_.push_back(std::move(fault)); }
  void add(FrameFault fault) { frames_.push_back(std::move(fault)); }
  void clear();
  /// The first fault that fits this request; it is used up by one.
  std::optional<RequestFault> next_request(const RequestShape& shape);
  FrameFate next_user_frame(std::string_view channel);

  // States that last until changed.
  bool refuse_connections = false;
  Millis info_lag = 0;
  Millis clock_shift = 0;

 private:
  Rng rng_;
  std::vector<RequestFault> requests_;
  std::vector<FrameFault> frames_;
};

}  // namespace perpwire::sim
