#pragma once

#include <filesystem>
#include <sys/types.h>

namespace perpwire {

/// Holds <folder>/lock for the life of the object, so that no second process uses the folder (a
/// second binder of an ipc path would steal it silently). The kernel drops the lock when the
/// process ends, however it ends.
///
/// Errors: ConfigError naming the pid that holds it, or why the folder cannot be used.
class FolderLock {
 public:
  /// Makes the folder with `mode` if it is missing.
  FolderLock(const std::filesystem::path& folder, mode_t mode);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace perpwire
