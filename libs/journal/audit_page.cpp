#include "libs/journal/audit_page.hpp"

#include "libs/journal/audit_chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "audit-";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kBlock = 16 * 1024;

tl::unexpected<Error> io_error(const fs::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::generic_category().message(errno)));
}

/// One file, read at offsets.
class Reader {
 public:
  explicit Reader(fs::path path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Reader() {
    if (fd_ >= 0) ::close(fd_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] Result<std::uint64_t> size() const {
    struct stat info {};
    if (fd_ < 0 || ::fstat(fd_, &info) != 0) return io_error(path_, "cannot be read");
    return static_cast<std::uint64_t>(info.st_size);
  }

  /// The whole line that begins at `offset`, with its newline; nothing if it has no end yet.
  Result<std::optional<std::string>> line_at(std::uint64_t offset) const {
    std::string line;
    std::array<char, kBlock> block{};
    for (;;) {
      const auto got =
          ::pread(fd_, block.data(), block.size(), static_cast<off_t>(offset + line.size()));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error(path_, "cannot be read");
      if (got == 0) return std::nullopt;
      const std::string_view read(block.data(), static_cast<std::size_t>(got));
      const auto end = read.find('\n');
      if (end != std::string_view::npos) {
        line.append(read.substr(0, end + 1));
        return line;
      }
      line.append(read);
    }
  }

  [[nodiscard]] Result<std::uint64_t> number_of(std::string_view line) const {
    const auto number = audit_number(line);
    if (number == 0) {
      return fail(ErrorCode::kMalformed,
                  fmt::format("{}: expected lines of an audit log, found one that is none",
                              path_.string()));
    }
    return number;
  }

  /// Where line `wanted` begins; the file's size if it is not there.
  Result<std::uint64_t> find(std::uint64_t wanted, std::uint64_t file_size) const {
    std::uint64_t low = 0;           // a line begins here, and the wanted one not before it
    std::uint64_t high = file_size;  // the wanted one begins before this, or is not there
    while (low < high) {
      const auto middle = low + (high - low) / 2;
      std::uint64_t start = low;  // of the first line that begins at the middle or behind it
      if (middle > low) {
        const auto rest = line_at(middle - 1);
        if (!rest) return tl::unexpected(rest.error());
        start = *rest ? middle - 1 + (*rest)->size() : high;
      }
      const auto line = start < high ? line_at(start) : Result<std::optional<std::string>>{};
      if (!line) return tl::unexpected(line.error());
      if (!*line) {  // none that is whole: it can only be before the middle
        high = middle;
        continue;
      }
      const auto number = number_of(**line);
      if (!number) return number;
      if (*number == wanted) return start;
      if (*number > wanted) {
        high = middle;
      } else {
        low = start + (*line)->size();
      }
    }
    return file_size;
  }

 private:
  fs::path path_;
  int fd_;
};

}  // namespace

Result<std::vector<fs::path>> audit_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) files.push_back(entry.path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorCode::kIo, fmt::format("{}: {}", folder.string(), error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::uint64_t audit_file_first(const fs::path& file) {
  const auto name = file.stem().string();
  std::uint64_t first = 0;
  if (name.size() > kPrefix.size()) {
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), first);
  }
  return first;
}

Result<AuditPage> read_audit_page(const fs::path& folder, std::uint64_t from, std::uint64_t last,
                                  std::size_t max_bytes) {
  const auto files = audit_files(folder);
  if (!files) return tl::unexpected(files.error());
  AuditPage page;
  page.first = files->empty() || last == 0 ? 0 : audit_file_first(files->front());
  page.next = from == 0 ? std::max<std::uint64_t>(page.first, 1) : from;
  if (page.next < page.first) {
    return fail(ErrorCode::kNotKept, fmt::format("audit.from: expected a line from {} on (files "
                                                 "before it were moved away), found {}",
                                                 page.first, from));
  }
  if (page.next > last + 1) {
    return fail(ErrorCode::kInvalidCommand,
                fmt::format("audit.from: expected at most {}, found {}", last + 1, from));
  }
  std::size_t bytes = 0;
  for (auto file = files->begin(); file != files->end() && page.next <= last; ++file) {
    const auto after = std::next(file);
    if (after != files->end() && audit_file_first(*after) <= page.next) continue;
    const Reader reader(*file);
    const auto size = reader.size();
    if (!size) return tl::unexpected(size.error());
    auto at = reader.find(page.next, *size);
    if (!at) return tl::unexpected(at.error());
    while (*at < *size && page.next <= last) {
      auto line = reader.line_at(*at);
      if (!line) return tl::unexpected(line.error());
      if (!*line) break;
      if (!page.lines.empty() && bytes + (*line)->size() > max_bytes) return page;
      bytes += (*line)->size();
      *at += (*line)->size();
      (*line)->pop_back();
      page.lines.push_back(std::move(**line));
      ++page.next;
    }
  }
  if (page.lines.empty() && page.next <= last) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: expected line {}, found none", folder.string(), page.next));
  }
  return page;
}

}  // namespace perpwire::journal
