#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace perpwire::cli {

/// Exit codes of `perpwire`, fixed by ARCHITECTURE.md section 10.
enum class Exit {
  kDone = 0,
  kUsage = 1,           // usage or configuration
  kFailed = 2,          // unreachable or failed
  kRejected = 3,        // somebody who was asked said no
  kDifference = 4,      // a comparison found one
  kOutcomeUnknown = 5,  // asked, and no answer: it may have been done
};

/// Why a command did not do what it was asked: an exit code and one line for standard error.
struct Failure {
  Exit exit = Exit::kFailed;
  std::string text;
};

template <class T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> fail_with(Exit exit, std::string text) {
  return tl::unexpected<Failure>(Failure{exit, std::move(text)});
}

}  // namespace perpwire::cli
