#pragma once

#include "libs/common/time.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace perpwire::simulation {

/// The one clock and the one queue of a run: everything that happens is an event of it, in the
/// order of its time, and for equal times in the order in which they were made.
class Scheduler {
 public:
  using Task = std::function<void()>;

  [[nodiscard]] Nanos now() const { return now_; }
  void at(Nanos when, Task task);
  void after(Nanos delay, Task task) { at(now_ + delay, std::move(task)); }

  /// Runs the next event; false if there is none.
  bool step();
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    Nanos when;
    std::uint64_t number;
    Task task;
  };
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }

  std::vector<Event> heap_;
  Nanos now_{0};
  std::uint64_t next_number_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace perpwire::simulation
