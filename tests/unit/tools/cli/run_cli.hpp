#pragma once

#include <string>
#include <vector>

namespace perpwire::cli {

struct CliRun {
  int exit = -1;  // -1: ended by a signal, or still running after the limit
  std::string out;
  std::string err;
};

/// Runs the built `perpwire` with these arguments and standard input, at most 20 s, without a
/// terminal. `passphrase`: what descriptor 3 reads, where not empty.
CliRun run_cli(const std::vector<std::string>& arguments, const std::string& input = {},
               const std::string& passphrase = {});

/// Lines without their ends.
std::vector<std::string> lines_of(const std::string& text);

}  // namespace perpwire::cli
