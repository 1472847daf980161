#pragma once

namespace perpwire {

/// Logs the broken invariant and aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace perpwire

/// An invariant of ours, checked in release builds too: a restart that reconciles beats an order
/// book that lies. Never for input: whatever a venue, a client or the bus sends is an Error.
#define PW_ASSERT(condition)                                        \
  do {                                                              \
    if (!(condition)) {                                             \
      ::perpwire::assertion_failed(#condition, __FILE__, __LINE__); \
    }                                                               \
  } while (false)
