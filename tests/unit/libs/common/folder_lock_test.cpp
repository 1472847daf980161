#include "libs/common/folder_lock.hpp"

#include "libs/common/result.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace perpwire {
namespace {

TEST(FolderLock, SecondHolderIsRefusedAndToldThePidOfTheFirst) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("perpwire-lock-{}", ::getpid());
  {
    const FolderLock first(folder, 02750);
    struct stat info {};
    ASSERT_EQ(::stat(folder.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 02750U);
    try {
      const FolderLock second(folder, 0750);
      FAIL() << "two holders";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(fmt::format("locked by pid {}", ::getpid())),
                std::string::npos)
          << error.what();
    }
  }
  const FolderLock again(folder, 0750);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace perpwire
