// The files of an operator: perpwire.toml as each process reads it, limits, the signer's policy.
// Whatever is in them: settings, or one error in one line that names the file.
#include "libs/common/assert.hpp"
#include "libs/common/settings.hpp"
#include "libs/limits/limits_file.hpp"
#include "services/signer/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace perpwire;

namespace {

constexpr std::string_view kName = "fuzz.toml";

void check(std::string_view error) { PW_ASSERT(error.find(kName) != std::string_view::npos); }

template <class Parse>
void parse(const Parse& one) {
  try {
    one();
  } catch (const ConfigError& error) {
    check(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const std::string_view process : {"", "marketstream", "order_gateway", "signer"}) {
    parse([&] { (void)parse_settings(text, kName, process, "desk2"); });
  }
  parse([&] { (void)signer::Policy::parse(text, kName); });
  if (const auto limits = limits::parse_limits(text, kName); !limits) check(limits.error().text);
  return 0;
}
