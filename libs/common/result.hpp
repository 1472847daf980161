#pragma once

#include "libs/common/error_code.hpp"

#include <tl/expected.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace perpwire {

/// What went wrong: a code that programs read, and a text for people that names where, what was
/// expected and what was found. Holds no secret.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string text) {
  return tl::unexpected<Error>(Error{code, std::move(text)});
}

/// Bad configuration at start: main prints one line (file, key, expected, found) and exits 1.
/// Nothing else is thrown on purpose.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Says that a result is left aside on purpose, and why.
template <class T>
void ignore(const T& /*result*/, const char* /*reason*/) {}

}  // namespace perpwire
