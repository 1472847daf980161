#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace perpwire::gateway {

/// The venue's dead man's switch: it cancels every order of the account at a time that we move
/// ahead while we live. Decides when it is set, renewed and cleared, and says why it is not armed.
///
/// Armed only while orders may be live, renewed three times in its period, cleared when the last
/// has been gone for a while: the venue fires at most 10 times a day, with orders or without.
/// Source: hyperliquid.md section 5.1.
/// Pure.
class ScheduledCancel {
 public:
  ScheduledCancel(bool enabled, Nanos period);

  struct Step {
    /// Set it to this venue time; nothing = clear it.
    std::optional<UnixNanos> time;
  };
  /// What to ask of the venue now, if anything. One question at a time: the answer comes by
  /// on_answer.
  std::optional<Step> next(bool may_send, std::size_t live_orders, UnixNanos wall, Nanos mono);
  /// Whether what was told about it has changed.
  bool on_accepted();
  /// `qualifies` false: the account may not use it; asked again in an hour.
  bool on_refused(const std::string& words, bool qualifies, Nanos mono);
  bool on_lost(Nanos mono);
  /// It may be armed since an earlier life.
  void assume_armed(UnixNanos until) { armed_until_ = until; }
  /// The gateway is asked to stop and the orders shall stay: clear it.
  std::optional<Step> stop();

  [[nodiscard]] const std::optional<UnixNanos>& armed_until() const { return armed_until_; }
  /// Why it is not armed.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  bool enabled_;
  Nanos period_;
  std::optional<UnixNanos> armed_until_;
  std::optional<UnixNanos> asked_;  // nothing while clearing
  bool waiting_ = false;
  Nanos next_try_{0};
  Nanos last_live_{0};
  std::string reason_;
};

}  // namespace perpwire::gateway
