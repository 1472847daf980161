#pragma once

#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

namespace perpwire::hyperliquid {

/// The vectors of the venue's own SDK (tests/fixtures/hyperliquid/PROVENANCE.md).
inline nlohmann::ordered_json signing_vectors() {
  std::ifstream file(std::string(PERPWIRE_SOURCE_DIR) +
                     "/tests/fixtures/hyperliquid/signing_vectors.json");
  return nlohmann::ordered_json::parse(file).at("vectors");
}

}  // namespace perpwire::hyperliquid
