#include "tools/cli/config_reference.hpp"

#include "run_cli.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace perpwire::cli {
namespace {

TEST(ConfigReference, EveryKeyThatIsReadIsExplainedAndNoOther) {
  EXPECT_THAT(unexplained_keys(), ::testing::IsEmpty());
  EXPECT_THAT(explained_but_unread_keys(), ::testing::IsEmpty());
}

TEST(ConfigReference, ThePageInDocsIsWhatTheCommandPrints) {
  std::ifstream in(PERPWIRE_SOURCE_DIR + "/docs/configuration.md");
  const std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto run = run_cli({"config", "reference"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_EQ(page, run.out) << "perpwire config reference > docs/configuration.md";
}

TEST(ConfigReference, DefaultsAreThoseOfTheProgram) {
  const auto text = config_reference();
  EXPECT_NE(text.find("| `expires_after_ms` | integer from 1 to 60000 | `8000` |"),
            std::string::npos);
  EXPECT_NE(text.find("| `id_retention` | duration | `\"30d\"` |"), std::string::npos);
  EXPECT_NE(text.find("| `mode` | one of sim, testnet, live | `\"sim\"` |"), std::string::npos);
}

}  // namespace
}  // namespace perpwire::cli
