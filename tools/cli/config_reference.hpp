#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perpwire::cli {

/// docs/configuration.md: every key of perpwire.toml with type, default and meaning.
std::string config_reference();

/// Keys that the program reads and this reference does not explain, and the reverse: both empty, or
/// a test fails.
std::vector<std::string> unexplained_keys();
std::vector<std::string> explained_but_unread_keys();

}  // namespace perpwire::cli
