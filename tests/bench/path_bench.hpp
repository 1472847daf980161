#pragma once

#include "libs/common/time.hpp"

#include <array>
#include <memory>
#include <sys/types.h>
#include <vector>

namespace perpwire::bench {

/// The bare path that the product is compared with: a client asks a gateway (REQ/REP over ipc),
/// which asks a signer process (REQ/REP over ipc), which signs the whole order, and the gateway
/// writes it to a venue stand-in, over TLS or plain TCP on loopback. Nothing else: no tracker, no
/// limits, no journal, no events, no second order under way.
///
/// Three child processes, forked when it is made (no thread may run yet) and ended with it.
class BarePath {
 public:
  enum class Wire { kPlain, kTls };

  explicit BarePath(Wire wire);
  ~BarePath();
  BarePath(const BarePath&) = delete;
  BarePath& operator=(const BarePath&) = delete;

  /// `count` orders one at a time; of each the time from the request's arrival at the gateway until
  /// its bytes are written.
  std::vector<Nanos> run(int count);

 private:
  struct Client;

  std::array<char, 40> folder_{};
  std::array<pid_t, 3> children_{};
  std::unique_ptr<Client> client_;  // made at the first run: it has threads
};

}  // namespace perpwire::bench
