#pragma once

#include "libs/common/backoff.hpp"
#include "libs/common/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace perpwire::net {

/// How a connection is kept alive and found dead. Half-open connections are found within
/// ping_after_silence + pong_deadline: 10 s by default, below the 15 s that the suite promises.
struct KeepAliveOptions {
  enum class Kind {
    kWebSocketPing,  // WebSocket ping frames
    kText,           // `text` as a text frame (a venue's own JSON ping)
    kNone,           // no pings: silence of ping_after_silence + pong_deadline is death
  };
  /// What counts as an answer to a ping: any frame, or only a pong (a WebSocket pong frame, or a
  /// text for which WebSocketOptions::is_pong says yes).
  enum class Life { kAnyFrame, kPongOnly };

  Kind kind = Kind::kWebSocketPing;
  std::string text = {};
  Life life = Life::kAnyFrame;
  Nanos ping_after_silence = std::chrono::seconds{5};
  Nanos pong_deadline = std::chrono::seconds{5};
  /// Ping at least so often even while data comes in (venues that want to hear from us); 0 = not
  /// asked for.
  Nanos ping_every{0};
};

struct ConnectionPolicyOptions {
  Nanos resolve_timeout = std::chrono::seconds{5};
  Nanos connect_timeout = std::chrono::seconds{5};  // TCP, and the proxy's answer
  Nanos tls_timeout = std::chrono::seconds{5};
  Nanos handshake_timeout = std::chrono::seconds{5};
  KeepAliveOptions keep_alive = {};
  /// Full jitter: a uniform wait between 0 and min(backoff_cap, backoff_base * 2^attempts).
  Nanos backoff_base = std::chrono::milliseconds{250};
  Nanos backoff_cap = std::chrono::seconds{5};
  /// The backoff starts over only after data (a message, not just an open socket) and this long an
  /// open connection.
  Nanos settled_after = std::chrono::seconds{10};
  /// Connects begun within any one minute: a third of them at once, the rest evenly spaced.
  /// Hyperliquid allows 30 for each IP address (hyperliquid.md 8.1); two sessions with this default
  /// stay below.
  std::size_t max_connects_per_minute = 14;
  /// Of the jitter; give each session another one.
  std::uint64_t seed = 1;
};

/// Decides when one client connection connects, pings, is dead and comes again. Pure: the driver
/// (WebSocketSession) tells what happened and when, calls step() and does what it says, and calls
/// again at next_wake().
///
/// Units: `now` on any monotonic clock, always the same one, never going back.
class ConnectionPolicy {
 public:
  enum class Phase { kIdle, kWaiting, kResolve, kConnect, kTls, kHandshake, kOpen, kClosed };
  struct Step {
    enum class Kind {
      kNone,
      kConnect,  // begin an attempt (the policy is in kResolve then)
      kPing,     // send a ping
      kDrop,     // give the connection or attempt up; then tell on_down()
    };
    Kind kind = Kind::kNone;
    std::string reason = {};  // of kDrop
  };

  explicit ConnectionPolicy(const ConnectionPolicyOptions& options);

  /// The first attempt is due at once.
  void start(Nanos now);
  /// The attempt has entered `phase`: kConnect, kTls, kHandshake. Its own deadline begins.
  void on_phase(Phase phase, Nanos now);
  void on_open(Nanos now);
  /// A message (data, not a control frame) came in; `pong`: it answers a venue's own ping.
  void on_message(Nanos now, bool pong);
  /// A WebSocket control frame came in; `pong`: a pong frame.
  void on_control(Nanos now, bool pong);
  /// The connection or attempt is over, for whatever reason: the next one is due after the backoff.
  void on_down(Nanos now);
  /// No more attempts.
  void close();

  Step step(Nanos now);
  /// When step() will have something to do if nothing else happens; nothing = never.
  [[nodiscard]] std::optional<Nanos> next_wake() const;

  [[nodiscard]] Phase phase() const { return phase_; }
  /// Since the last message on the open connection (or since it opened).
  [[nodiscard]] Nanos silence(Nanos now) const { return now - last_message_; }
  [[nodiscard]] unsigned failures_in_a_row() const { return backoff_.attempts(); }

 private:
  void on_life(Nanos now, bool pong);
  [[nodiscard]] Nanos deadline_of(Phase phase) const;
  void count_connect(Nanos now);
  [[nodiscard]] Nanos earliest_by_rate() const;
  [[nodiscard]] std::int64_t connect_burst() const;
  [[nodiscard]] Nanos connect_spacing() const;
  [[nodiscard]] Nanos next_ping() const;

  ConnectionPolicyOptions options_;
  Backoff backoff_;
  Phase phase_ = Phase::kIdle;
  Nanos phase_since_{0};
  Nanos attempt_at_{0};  // kWaiting: when the next attempt begins
  Nanos last_life_{0};   // the newest frame that counts as life
  Nanos last_message_{0};
  Nanos last_ping_{0};
  std::optional<Nanos> ping_unanswered_since_ = std::nullopt;
  bool data_seen_ = false;
  Nanos rate_credit_from_{0};  // when the connects begun so far are paid for
};

}  // namespace perpwire::net
