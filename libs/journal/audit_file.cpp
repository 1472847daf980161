#include "libs/journal/audit_file.hpp"

#include "libs/journal/audit_page.hpp"

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

tl::unexpected<Error> io_error(const fs::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::strerror(errno)));  // NOLINT: one thread
}

tl::unexpected<Error> in_file(const fs::path& file, const Error& error) {
  return fail(error.code, fmt::format("{}: {}", file.string(), error.text));
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

/// The chain before the first line of a file; files before it may have been moved away.
AuditChain chain_at_start(const fs::path& file, std::string_view text) {
  // A file without a line yet: its name tells the number, and there is no hash to go on from.
  const auto first = text.substr(0, text.find('\n'));
  return audit_file_first(file) <= 1 ? AuditChain{} : AuditCheck::chain_before(first);
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

AuditFile::AuditFile(fs::path folder, std::uint64_t max_file_bytes, AuditSyncer* syncer)
    : folder_(std::move(folder)), max_file_bytes_(max_file_bytes), syncer_(syncer) {}

AuditFile::~AuditFile() = default;

Status AuditFile::open(const std::function<void(std::string_view line)>& each) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("{}: {}", folder_.string(), error.message()));
  fs::permissions(folder_, fs::perms::owner_all, error);
  const auto files = audit_files(folder_);
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
  const int file = ::open(current_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0) return io_error(current_, "cannot be opened");
  file_ = std::make_shared<AuditDescriptor>(file, current_.string());
  if (syncer_ != nullptr)
    syncer_->dirty(file_, chain_.number());  // what the last run left unsynced
  return {};
}

Status AuditFile::follow_file(const fs::path& file, bool first,
                              const std::function<void(std::string_view line)>& each) {
  const auto text = read_file(file);
  if (!text) return tl::unexpected(text.error());
  if (first) chain_ = chain_at_start(file, *text);
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
  const auto next = folder_ / fmt::format("audit-{:012}.log", chain_.number() + 1);
  const int file =
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return io_error(next, "cannot be made");
  file_ = std::make_shared<AuditDescriptor>(file, next.string());
  current_ = next;
  bytes_ = 0;
  if (syncer_ == nullptr) return {};
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return io_error(folder_, "cannot be opened");
  // Its name must last as well.
  syncer_->dirty(std::make_shared<AuditDescriptor>(folder, folder_.string(), true),
                 chain_.number());
  return {};
}

Status AuditFile::append(const AuditRecord& record) {
  if (file_ == nullptr)
    return fail(ErrorCode::kIo, folder_.string() + ": the audit log is not open");
  if (bytes_ >= max_file_bytes_) {
    if (auto begun = begin_file(); !begun) return begun;
  }
  const auto line = chain_.line(record, bytes_ == 0);
  if (auto written = write_all(file_->fd(), line, current_); !written) {
    // Nothing of a half line stays before the next one.
    if (::ftruncate(file_->fd(), static_cast<off_t>(bytes_)) != 0) file_.reset();
    return written;
  }
  chain_.accept();
  bytes_ += line.size();
  if (syncer_ != nullptr) syncer_->dirty(file_, chain_.number());
  return {};
}

AuditCheck::AuditCheck(AuditChain before_first, std::string head)
    : chain_(before_first), wanted_head_(std::move(head)), head_seen_(wanted_head_.empty()) {}

AuditChain AuditCheck::chain_before(std::string_view first_line) {
  // Its own field `previous` carries the hash that it was chained to.
  const auto previous = audit_field(first_line, "previous");
  const auto number = audit_number(first_line);
  return number <= 1 || !previous ? AuditChain{} : AuditChain{number - 1, *previous};
}

Status AuditCheck::line(std::string_view text) {
  if (auto next = chain_.follow(text); !next) return next;
  if (report_.first == 0) report_.first = chain_.number();
  head_seen_ = head_seen_ || chain_.hash() == wanted_head_;
  const auto what = audit_field(text, "what");
  if (what == "signed") ++report_.signed_actions;
  if (what == "refused") ++report_.refused;
  return {};
}

Result<AuditReport> AuditCheck::finish(std::string_view where) const {
  if (!head_seen_) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: expected a line with hash {}, found none: the log was cut or "
                            "written anew",
                            where, wanted_head_));
  }
  auto report = report_;
  report.last = chain_.number();
  report.head = std::string(chain_.hash());
  return report;
}

Result<AuditReport> verify_audit_log(const fs::path& folder, std::string_view head) {
  const auto files = audit_files(folder);
  if (!files) return tl::unexpected(files.error());
  if (files->empty()) {
    return fail(ErrorCode::kIo,
                folder.string() + ": expected files audit-<number>.log, found none");
  }
  std::optional<AuditCheck> check;
  for (const auto& file : *files) {
    const auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    if (!check) check.emplace(chain_at_start(file, *text), std::string(head));
    const auto whole =
        each_line(*text, [&](std::string_view line) -> Status { return check->line(line); });
    if (!whole) return in_file(file, whole.error());
    if (*whole < text->size()) {
      return in_file(file, Error{ErrorCode::kMalformed,
                                 fmt::format("expected a whole line, found {} bytes without end",
                                             text->size() - *whole)});
    }
  }
  auto report = check->finish(folder.string());
  if (report) report->files = files->size();
  return report;
}

}  // namespace perpwire::journal
