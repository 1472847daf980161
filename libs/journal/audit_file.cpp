#include "libs/journal/audit_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace perpwire::journal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "audit-";
constexpr std::string_view kSuffix = ".log";

tl::unexpected<Error> io_error(const fs::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::strerror(errno)));  // NOLINT: one thread
}

tl::unexpected<Error> in_file(const fs::path& file, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", file.string(), error.text));
}

/// By the number of their first line, which the name carries with leading zeros.
Result<std::vector<fs::path>> files_of(const fs::path& folder) {
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

Result<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return io_error(file, "cannot be read");
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

/// Calls `each` for every whole line; returns the bytes of whole lines.
Result<std::size_t> each_line(std::string_view text,
                              const std::function<Status(std::string_view)>& each) {
  std::size_t at = 0;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', at)) {
    if (auto done = each(text.substr(at, end - at)); !done) return tl::unexpected(done.error());
    at = end + 1;
  }
  return at;
}

/// The chain before the first line of a file that goes on from files that are not here.
AuditChain chain_before(std::string_view first_line, const fs::path& file) {
  const auto name = file.stem().string().substr(kPrefix.size());
  const std::uint64_t first = std::strtoull(name.c_str(), nullptr, 10);
  // Its own field `previous` carries the hash that it was chained to.
  const auto previous = audit_field(first_line, "previous");
  return first <= 1 || !previous ? AuditChain{} : AuditChain{first - 1, *previous};
}

Status write_all(int file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return io_error(path, "cannot be written");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

AuditFile::AuditFile(fs::path folder, std::uint64_t max_file_bytes)
    : folder_(std::move(folder)), max_file_bytes_(max_file_bytes) {}

AuditFile::~AuditFile() {
  if (file_ >= 0) ::close(file_);
}

Status AuditFile::open(const std::function<void(std::string_view line)>& each) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("{}: {}", folder_.string(), error.message()));
  fs::permissions(folder_, fs::perms::owner_all, error);
  const auto files = files_of(folder_);
  if (!files) return tl::unexpected(files.error());
  if (files->empty()) return begin_file();

  // The newest may have been begun and never written: then the one before it leads up to it.
  for (auto from = files->end(); from != files->begin();) {
    --from;
    const auto text = read_file(*from);
    if (!text) return tl::unexpected(text.error());
    if (text->find('\n') == std::string::npos && from != files->begin()) continue;
    for (auto file = from; file != files->end(); ++file) {
      if (auto followed = follow_file(*file, file == from, each); !followed) return followed;
    }
    break;
  }
  file_ = ::open(current_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  return file_ < 0 ? io_error(current_, "cannot be opened") : Status{};
}

Status AuditFile::follow_file(const fs::path& file, bool first,
                              const std::function<void(std::string_view line)>& each) {
  const auto text = read_file(file);
  if (!text) return tl::unexpected(text.error());
  if (first) chain_ = chain_before(std::string_view(*text).substr(0, text->find('\n')), file);
  const auto whole = each_line(*text, [&](std::string_view line) -> Status {
    if (auto next = chain_.follow(line); !next) return next;
    each(line);
    return {};
  });
  if (!whole) return in_file(file, whole.error());
  current_ = file;
  bytes_ = *whole;
  if (*whole == text->size()) return {};
  torn_bytes_ += text->size() - *whole;
  return cut_torn_end(file, *whole);
}

Status AuditFile::cut_torn_end(const fs::path& file, std::uint64_t whole) {
  const auto text = read_file(file);
  if (!text) return tl::unexpected(text.error());
  auto aside = file;
  aside += ".torn";
  std::ofstream out(aside, std::ios::binary | std::ios::app);
  out << text->substr(whole);
  if (!out.flush()) return io_error(aside, "cannot be written");
  if (::truncate(file.c_str(), static_cast<off_t>(whole)) != 0) {
    return io_error(file, "cannot be cut");
  }
  return {};
}

Status AuditFile::begin_file() {
  const auto next = folder_ / fmt::format("{}{:012}{}", kPrefix, chain_.number() + 1, kSuffix);
  const int file =
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return io_error(next, "cannot be made");
  if (file_ >= 0) {
    ::fdatasync(file_);
    ::close(file_);
  }
  file_ = file;
  current_ = next;
  bytes_ = 0;
  return {};
}

Status AuditFile::append(const AuditRecord& record) {
  if (file_ < 0) return fail(ErrorCode::kIo, folder_.string() + ": the audit log is not open");
  if (bytes_ >= max_file_bytes_) {
    if (auto begun = begin_file(); !begun) return begun;
  }
  const auto line = chain_.line(record, bytes_ == 0);
  if (auto written = write_all(file_, line, current_); !written) {
    // Nothing of a half line stays before the next one.
    if (::ftruncate(file_, static_cast<off_t>(bytes_)) != 0) {
      ::close(std::exchange(file_, -1));
    }
    return written;
  }
  chain_.accept();
  bytes_ += line.size();
  return {};
}

Status AuditFile::sync() {
  if (file_ >= 0 && ::fdatasync(file_) != 0) return io_error(current_, "cannot be synced");
  return {};
}

Result<AuditReport> verify_audit_log(const fs::path& folder, std::string_view head) {
  const auto files = files_of(folder);
  if (!files) return tl::unexpected(files.error());
  if (files->empty()) {
    return fail(ErrorCode::kIo,
                folder.string() + ": expected files audit-<number>.log, found none");
  }
  AuditReport report;
  AuditChain chain;
  bool head_seen = head.empty();
  for (const auto& file : *files) {
    const auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    if (report.files++ == 0) {
      chain = chain_before(std::string_view(*text).substr(0, text->find('\n')), file);
    }
    const auto whole = each_line(*text, [&](std::string_view line) -> Status {
      if (auto next = chain.follow(line); !next) return next;
      if (report.first == 0) report.first = chain.number();
      head_seen = head_seen || chain.hash() == head;
      const auto what = audit_field(line, "what");
      if (what == "signed") ++report.signed_actions;
      if (what == "refused") ++report.refused;
      return {};
    });
    if (!whole) return in_file(file, whole.error());
    if (*whole < text->size()) {
      return in_file(file, Error{ErrorCode::kMalformed,
                                 fmt::format("expected a whole line {}, found {} bytes without end",
                                             chain.number() + 1, text->size() - *whole)});
    }
  }
  if (!head_seen) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: expected a line with hash {}, found none: the log was cut or "
                            "written anew",
                            folder.string(), head));
  }
  report.last = chain.number();
  report.head = std::string(chain.hash());
  return report;
}

}  // namespace perpwire::journal
