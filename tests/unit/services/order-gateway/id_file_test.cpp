#include "services/order-gateway/id_file.hpp"

#include "libs/common/settings.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace perpwire::gateway {
namespace {

class IdFileTest : public testing::Test {
 protected:
  IdFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ids-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~IdFileTest() override { std::filesystem::remove_all(folder); }

  static IdMemory::Key key(std::uint64_t number) {
    std::mt19937_64 random(number);
    IdMemory::Key key{};
    const std::uint64_t low = random();
    const auto high = static_cast<std::uint32_t>(random());
    std::memcpy(key.data(), &low, sizeof low);
    std::memcpy(key.data() + sizeof low, &high, sizeof high);
    return key;
  }
  std::filesystem::path folder;
};

TEST_F(IdFileTest, EveryIdIsFoundAgainOverManyFilesAndAfterReopening) {
  constexpr std::uint64_t kIds = 20'000;
  {
    IdFile ids{folder, {.first_slots = 1'024, .most_slots = 8'192}};
    for (std::uint64_t i = 1; i <= kIds; ++i) {
      ASSERT_TRUE(ids.keep(key(i), static_cast<std::uint32_t>(i), UnixNanos{}));
    }
    EXPECT_GT(ids.files(), 3U);
    EXPECT_TRUE(ids.sync().has_value());
  }
  const IdFile ids{folder, {.first_slots = 1'024, .most_slots = 8'192}};
  EXPECT_EQ(ids.size(), kIds);
  for (std::uint64_t i = 1; i <= kIds; ++i) ASSERT_EQ(ids.find(key(i)), i);
  for (std::uint64_t i = kIds + 1; i <= 2 * kIds; ++i) ASSERT_FALSE(ids.find(key(i)).has_value());
}

TEST_F(IdFileTest, KeepingAnIdAgainKeepsItsFirstContent) {
  IdFile ids{folder};
  ids.keep(key(1), 5, UnixNanos{});
  ids.keep(key(1), 6, UnixNanos{});
  EXPECT_EQ(ids.find(key(1)), 5U);
  EXPECT_EQ(ids.size(), 1U);
}

TEST_F(IdFileTest, WholeFilesGoWhenTheirNewestIdIsOldEnough) {
  IdFile ids{folder, {.first_slots = 256, .most_slots = 256}};
  for (std::uint64_t i = 1; i <= 600; ++i) ids.keep(key(i), 1, UnixNanos{});
  ASSERT_GT(ids.files(), 2U);
  ids.forget_before(UnixNanos{1'000'000'000});
  EXPECT_GT(ids.files(), 2U) << "nothing is that old";
  ids.forget_before(UnixNanos::from_millis(4'102'444'800'000));  // the year 2100
  EXPECT_EQ(ids.files(), 1U) << "the one that is written stays";
  EXPECT_FALSE(ids.find(key(1)).has_value());
}

TEST_F(IdFileTest, AFileThatIsNoTableStopsTheStart) {
  std::ofstream(folder / "1.ids") << std::string(10'000, 'x');
  EXPECT_THROW(IdFile{folder}, ConfigError);
}

TEST_F(IdFileTest, AFileThatWasBeingMadeIsMadeAnew) {
  std::ofstream(folder / "1.ids") << "PWIDS";
  IdFile ids{folder};
  EXPECT_TRUE(ids.keep(key(1), 1, UnixNanos{}));
  EXPECT_EQ(ids.find(key(1)), 1U);
}

}  // namespace
}  // namespace perpwire::gateway
