#include "libs/common/folder_lock.hpp"

#include "libs/common/result.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace perpwire {

FolderLock::FolderLock(const std::filesystem::path& folder, mode_t mode) {
  std::error_code error;
  const bool existed = std::filesystem::exists(folder, error);
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw ConfigError(fmt::format("{}: expected a folder that can be made, found: {}",
                                  folder.string(), error.message()));
  }
  if (!existed && ::chmod(folder.c_str(), mode) != 0) {
    throw ConfigError(fmt::format("{}: expected to set mode {:o}, found: {}", folder.string(), mode,
                                  std::strerror(errno)));
  }
  const auto path = folder / "lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (file_ < 0) {
    throw ConfigError(fmt::format("{}: expected a file that can be written, found: {}",
                                  path.string(), std::strerror(errno)));
  }
  // An open-file-description lock: other locks of this process on the same file cannot drop it by
  // closing theirs.
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file_, F_OFD_SETLK, &lock) != 0) {
    char holder[32] = {};
    const auto length = ::pread(file_, holder, sizeof holder - 1, 0);
    ::close(file_);
    throw ConfigError(fmt::format(
        "{}: expected a folder of no other process, found it locked by pid {}", folder.string(),
        length > 0 ? std::string(holder, std::strcspn(holder, "\n")) : "unknown"));
  }
  const auto pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, pid.data(), pid.size(), 0) < 0) {
    const auto why = std::string(std::strerror(errno));
    ::close(file_);
    throw ConfigError(
        fmt::format("{}: expected a file that can be written, found: {}", path.string(), why));
  }
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace perpwire
