#include "libs/journal/storage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> system_failure(const std::string& what, const std::string& path, int error) {
  return fail(ErrorCode::kIo,
              fmt::format("{} {}: {}", what, path, std::generic_category().message(error)));
}

class PosixFile : public StorageFile {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Status append(std::string_view bytes) override {
    ssize_t written = 0;
    do {
      written = ::write(fd_, bytes.data(), bytes.size());
    } while (written < 0 && errno == EINTR);
    if (written < 0) return system_failure("write", path_, errno);
    if (static_cast<std::size_t>(written) != bytes.size()) {
      return fail(ErrorCode::kIo, fmt::format("write {}: expected {} bytes, wrote {} (disk full?)",
                                              path_, bytes.size(), written));
    }
    return {};
  }

  Status sync() override {
    if (::fdatasync(fd_) != 0) return system_failure("fdatasync", path_, errno);
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      return system_failure("truncate", path_, errno);
    }
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto got =
          ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_failure("read", path_, errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  [[nodiscard]] Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return system_failure("stat", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

class PosixStorage : public Storage {
 public:
  explicit PosixStorage(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<std::string>> list() override {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
      if (at->is_regular_file(error)) names.push_back(at->path().filename().string());
    }
    if (error) return system_failure("list", folder_, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::shared_ptr<StorageFile>> open(const std::string& name) override {
    const auto path = folder_ + "/" + name;
    const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return system_failure("open", path, errno);
    auto file = std::make_shared<PosixFile>(fd, path);
    if (auto synced = sync_folder(); !synced) return tl::unexpected(synced.error());
    return file;
  }

  Status remove(const std::string& name) override {
    const auto path = folder_ + "/" + name;
    if (::unlink(path.c_str()) != 0) return system_failure("remove", path, errno);
    return sync_folder();
  }

  [[nodiscard]] std::string describe() const override { return folder_; }

 private:
  Status sync_folder() {
    const int fd = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_failure("open", folder_, errno);
    const int done = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (done != 0) return system_failure("fsync", folder_, error);
    return {};
  }

  std::string folder_;
};

}  // namespace

std::unique_ptr<Storage> open_posix_storage(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw ConfigError(fmt::format("journal folder {}: {}", folder, error.message()));
  }
  fs::permissions(folder, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec,
                  error);
  if (error) {
    throw ConfigError(fmt::format("journal folder {}: {}", folder, error.message()));
  }
  return std::make_unique<PosixStorage>(folder);
}

}  // namespace perpwire::journal
