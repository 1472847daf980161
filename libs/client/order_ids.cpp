#include "libs/client/order_ids.hpp"

#include <fmt/format.h>

#include <random>

namespace perpwire::client {

OrderIds::OrderIds(std::string_view prefix, std::int64_t unix_seconds, std::string_view instance)
    : stem_(fmt::format("{}-{}-{}", prefix, unix_seconds, instance)) {
  constexpr std::size_t kRoomForCounter = 20;
  const auto longest = stem_ + "-" + std::string(kRoomForCounter - 1, '0');
  if (prefix.empty() || !parse_client_order_id(longest)) {
    throw ConfigError(fmt::format(
        "id_prefix: expected a few of A-Z a-z 0-9 . _ : - (the id may have 64), found '{}'",
        prefix));
  }
}

ClientOrderId OrderIds::next() {
  return ClientOrderId{fmt::format("{}-{:06}", stem_, counter_.fetch_add(1) + 1)};
}

RequestIds::RequestIds(std::string_view instance) : stem_(fmt::format("r-{}", instance)) {}

std::string RequestIds::next() { return fmt::format("{}-{}", stem_, counter_.fetch_add(1) + 1); }

std::string random_instance(std::size_t bytes) {
  std::random_device kernel;
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out += fmt::format("{:02x}", kernel() & 0xffU);
  return out;
}

}  // namespace perpwire::client
