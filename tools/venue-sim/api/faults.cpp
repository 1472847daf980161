#include "tools/venue-sim/api/faults.hpp"

#include <algorithm>

namespace perpwire::sim {
namespace {

bool fits(const RequestFault& fault, const RequestShape& shape) {
  return fault.match == "any" || fault.match == shape.type ||
         (fault.match == "exchange" && shape.is_exchange) ||
         (fault.match == "info" && !shape.is_exchange) ||
         (fault.match == "post" && shape.is_post) || (fault.match == "http" && !shape.is_post);
}

template <class Fault>
void use_up(std::vector<Fault>& faults, typename std::vector<Fault>::iterator fault) {
  if (fault->count > 0 && --fault->count == 0) {
    faults.erase(fault);
  }
}

}  // namespace

void FaultPlan::clear() {
  requests_.clear();
  frames_.clear();
  refuse_connections = false;
  info_lag = 0;
  clock_shift = 0;
}

std::optional<RequestFault> FaultPlan::next_request(const RequestShape& shape) {
  const auto found = std::find_if(requests_.begin(), requests_.end(),
                                  [&](const RequestFault& fault) { return fits(fault, shape); });
  if (found == requests_.end()) {
    return std::nullopt;
  }
  RequestFault fault = *found;
  use_up(requests_, found);
  return fault;
}

FrameFate FaultPlan::next_user_frame(std::string_view channel) {
  const auto found = std::find_if(frames_.begin(), frames_.end(), [&](const FrameFault& fault) {
    return fault.channel.empty() || fault.channel == channel;
  });
  if (found == frames_.end()) {
    return {};
  }
  FrameFate fate;
  switch (found->kind) {
    case FrameFault::Kind::kDrop:
      fate.copies = 0;
      break;
    case FrameFault::Kind::kDuplicate:
      fate.copies = 2;
      break;
    case FrameFault::Kind::kDelay:
      fate.delay = found->delay;
      break;
    case FrameFault::Kind::kReorder:
      fate.delay = rng_.between(0, found->delay);
      break;
  }
  use_up(frames_, found);
  return fate;
}

}  // namespace perpwire::sim
