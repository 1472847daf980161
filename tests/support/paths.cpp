#include "tests/support/paths.hpp"

namespace perpwire::test {
std::string source_dir() { return PERPWIRE_TREE; }
std::string bin_dir() { return PERPWIRE_BINARIES; }
}  // namespace perpwire::test
