#pragma once

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <zmq.hpp>

#include <chrono>
#include <functional>

namespace perpwire {

/// Runs the loop until something holds, or the test has waited long enough.
class BusTest : public testing::Test {
 protected:
  [[nodiscard]] bool run_until(const std::function<bool()>& holds,
                               std::chrono::milliseconds most = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!holds()) {
      if (std::chrono::steady_clock::now() >= end) return false;
      if (io.stopped()) io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds time) {
    ignore_result(run_until([] { return false; }, time));
  }

  zmq::context_t context;
  boost::asio::io_context io{1};

 private:
  static void ignore_result(bool /*held*/) {}
};

}  // namespace perpwire
