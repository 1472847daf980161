#include "libs/common/config_table.hpp"

#include "libs/common/result.hpp"

#include <gtest/gtest.h>

namespace perpwire {
namespace {

std::string error_of(std::string_view toml, void (*read)(ConfigTable&)) {
  try {
    auto table = ConfigTable::parse(toml, "test.toml");
    read(table);
    table.finish();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ConfigTable, UnknownKeyIsAnErrorThatNamesTheNearestKnownOne) {
  EXPECT_EQ(error_of("[logging]\nlevle = \"info\"",
                     [](ConfigTable& root) { root.table("logging").text("level", ""); }),
            "test.toml:2: logging: expected a known key (nearest is \"level\"), found \"levle\"");
}

TEST(ConfigTable, ErrorNamesFileLineKeyExpectedAndFound) {
  EXPECT_EQ(error_of("\nport = \"x\"", [](ConfigTable& root) { root.integer("port", 1, 0, 10); }),
            "test.toml:2: port: expected an integer from 0 to 10, found \"x\"");
  EXPECT_EQ(error_of("port = 11", [](ConfigTable& root) { root.integer("port", 1, 0, 10); }),
            "test.toml:1: port: expected an integer from 0 to 10, found 11");
  EXPECT_EQ(error_of("x = 0.5", [](ConfigTable& root) { root.decimal("x"); }),
            "test.toml:1: x: expected a number in quotes, such as \"0.5\", found the "
            "floating-point number 0.5");
  EXPECT_EQ(error_of("t = \"5x\"", [](ConfigTable& root) { root.duration("t", Nanos{}); }),
            "test.toml:1: t: expected a duration such as \"250ms\", \"10s\", \"5m\", \"8h\" or "
            "\"30d\", found \"5x\"");
  EXPECT_NE(error_of("a = [", [](ConfigTable&) {}).find("test.toml:1: expected TOML"),
            std::string::npos);
}

TEST(ConfigTable, ReadsDurationsAndExactNumbers) {
  auto table = ConfigTable::parse("a = \"250ms\"\nb = \"30d\"\nc = \"0.000000000001\"\nd = 7", "t");
  EXPECT_EQ(table.duration("a", Nanos{}), std::chrono::milliseconds(250));
  EXPECT_EQ(table.duration("b", Nanos{}), std::chrono::hours(24 * 30));
  EXPECT_EQ(table.decimal("c"), Decimal::of(1, -12));
  EXPECT_EQ(table.decimal("d"), Decimal(7));
  table.finish();
}

}  // namespace
}  // namespace perpwire
