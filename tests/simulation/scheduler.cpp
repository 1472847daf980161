#include "tests/simulation/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace perpwire::simulation {

void Scheduler::at(Nanos when, Task task) {
  heap_.push_back({std::max(when, now_), next_number_++, std::move(task)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Scheduler::step() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.when;
  ++steps_;
  event.task();
  return true;
}

}  // namespace perpwire::simulation
