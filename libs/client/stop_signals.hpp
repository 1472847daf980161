#pragma once

#include <csignal>

namespace perpwire::client {

/// SIGINT and SIGTERM, waited for instead of handled. Construct it before any thread is made (a
/// Client makes one): threads inherit the mask.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  /// Waits for one of them. Returns its number.
  int wait() const {
    int number = 0;
    sigwait(&signals_, &number);
    return number;
  }

 private:
  sigset_t signals_{};
};

}  // namespace perpwire::client
