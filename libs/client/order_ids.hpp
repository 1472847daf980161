#pragma once

#include "libs/common/ids.hpp"
#include "libs/common/result.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace perpwire::client {

/// Makes ids that are never given twice: `<prefix>-<unix seconds>-<instance>-<counter>`. The
/// counter alone separates the ids of one object, time and instance those of different lives and
/// machines.
///
/// Thread: next() may be called from any.
class OrderIds {
 public:
  /// `instance`: random_instance(), or a fixed one in tests.
  /// Throws: ConfigError if prefix and instance give no client_order_id of the contract's form.
  OrderIds(std::string_view prefix, std::int64_t unix_seconds, std::string_view instance);

  ClientOrderId next();

 private:
  std::string stem_;
  std::atomic<std::uint64_t> counter_{0};
};

/// Request ids: a random part of 64 bits for each object, and a counter.
class RequestIds {
 public:
  explicit RequestIds(std::string_view instance);
  std::string next();

 private:
  std::string stem_;
  std::atomic<std::uint64_t> counter_{0};
};

/// `bytes` bytes from the kernel's random source, in hexadecimal.
std::string random_instance(std::size_t bytes);

}  // namespace perpwire::client
