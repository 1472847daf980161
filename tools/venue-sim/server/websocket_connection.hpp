#pragma once

#include "tools/venue-sim/api/venue_api.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace perpwire::sim {

/// One client's WebSocket on the server's io_context. Frames wait in a bounded queue: a reader that
/// is too slow is disconnected.
class WebSocketConnection {
 public:
  static constexpr std::size_t kMostQueuedBytes = 64U << 20U;

  struct Callbacks {
    std::function<void(std::string text)> on_text;
    std::function<void()> on_closed;  // once; the connection is gone afterwards
  };
  virtual ~WebSocketConnection() = default;
  virtual void start(Callbacks callbacks) = 0;
  virtual void send(std::shared_ptr<const std::string> text) = 0;
  virtual void close(const ApiOutput::Close& how) = 0;
  /// Answers nothing any more for a while (0 = for good); reads on or not.
  virtual void stall(const ApiOutput::Stall& how) = 0;
};

}  // namespace perpwire::sim
