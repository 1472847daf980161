#include "tools/cli/order_follow.hpp"

#include "tools/cli/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <utility>

namespace perpwire::cli {
namespace {

std::int64_t micros(std::int64_t nanos) { return nanos / 1'000; }

/// "decided +12 signed +230 sent +251 acked +50321 us after command_received"
std::string stages(const v1::Stamps& stamps) {
  if (stamps.command_received() == 0) return {};
  const std::array<std::pair<const char*, std::int64_t>, 4> moments{{{"decided", stamps.decided()},
                                                                     {"signed", stamps.signed_()},
                                                                     {"sent", stamps.sent()},
                                                                     {"acked", stamps.acked()}}};
  std::string out;
  for (const auto& [name, at] : moments) {
    if (at != 0) out += fmt::format("{} +{} ", name, micros(at - stamps.command_received()));
  }
  return out.empty() ? out : out + "us after command_received";
}

}  // namespace

bool is_final_state(const std::string& order_state) {
  return order_state == "FILLED" || order_state == "CANCELLED" || order_state == "FAILED";
}

OrderFollower::OrderFollower(Session& session, Listener& listener, std::string client_order_id,
                             UnixNanos asked)
    : session_(session),
      listener_(listener),
      client_order_id_(std::move(client_order_id)),
      asked_(asked) {}

std::optional<v1::OrderEvent> OrderFollower::follow(Nanos resting, Nanos most) {
  std::optional<v1::OrderEvent> last;
  const Nanos end = monotonic_now() + most;
  Nanos deadline = end;
  while (monotonic_now() < deadline) {
    const auto message = listener_.next(deadline - monotonic_now());
    if (!message) break;
    const auto& order = message->envelope.order();
    if (!message->envelope.has_order() || order.client_order_id() != client_order_id_) continue;
    print(*message);
    last = order;
    if (is_final_state(order.order_state())) break;
    deadline = std::min(end, monotonic_now() + resting);
  }
  return last;
}

void OrderFollower::print(const BusMessage& message) const {
  if (session_.json()) {
    std::cout << json_of(message.envelope) << "\n" << std::flush;
    return;
  }
  const auto& order = message.envelope.order();
  std::cout << fmt::format("{:<14} {:>9} us  {:<16} filled {} of {}",
                           message.envelope.event_type().substr(6),
                           micros(message.envelope.timestamp() - asked_.value()),
                           order.order_state(), cell(order.filled_amount()), cell(order.amount()));
  if (order.has_average_executed_price()) {
    std::cout << " at " << cell(order.average_executed_price());
  }
  if (order.has_fee_asset())
    std::cout << ", fee " << cell(order.fee_paid()) << " " << order.fee_asset();
  if (order.has_failure()) {
    std::cout << ", " << order.failure().code() << ": " << order.failure().reason();
  }
  std::cout << "\n";
  if (const auto text = stages(order.stamps()); !text.empty()) {
    std::cout << "               " << text << "\n";
  }
  std::cout << std::flush;
}

}  // namespace perpwire::cli
