#pragma once

#include <string>

namespace perpwire::test {

/// The checked-out tree and the folder of the built binaries. Functions rather than macros with the
/// path in every command line: a compiler cache then serves several checkouts.
std::string source_dir();
std::string bin_dir();

}  // namespace perpwire::test

#define PERPWIRE_SOURCE_DIR ::perpwire::test::source_dir()
#define PERPWIRE_BIN_DIR ::perpwire::test::bin_dir()
