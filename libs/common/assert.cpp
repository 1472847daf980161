#include "libs/common/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace perpwire {

void assertion_failed(const char* condition, const char* file, int line) {
  // Straight to stderr: the logger may be what is broken.
  std::fprintf(stderr, "assertion failed: %s at %s:%d\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace perpwire
