#include "services/signer/file_store.hpp"

#include "libs/common/crash_point.hpp"
#include "libs/venues/hyperliquid/order_codec.hpp"
#include "services/signer/nonce_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace perpwire::signer {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> io_error(const fs::path& file, std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("{}: {}: {}", file.string(), what,
                                          std::strerror(errno)));  // NOLINT: one thread
}

tl::unexpected<Error> damaged(const fs::path& file, std::string_view expected) {
  return fail(ErrorCode::kMalformed,
              fmt::format("{}: damaged: expected {}", file.string(), expected));
}

/// Nothing where there is no such file.
Result<std::optional<std::string>> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return io_error(file, "cannot be read");
  }
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

Status sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0 || ::fsync(file) != 0) {
    const auto error = io_error(folder, "cannot be synced");
    if (file >= 0) {
      ::close(file);
    }
    return error;
  }
  ::close(file);
  return {};
}

Status write_all(int file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const auto written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return io_error(path, "cannot be written");
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// The whole new content or the whole old one, whatever happens; the new one once this returns.
Status replace_file(const fs::path& file, std::string_view text, bool durable) {
  auto temporary = file;
  temporary += ".new";
  const int out =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (out < 0) {
    return io_error(temporary, "cannot be made");
  }
  auto written = write_all(out, text, temporary);
  if (written && durable && ::fdatasync(out) != 0) {
    written = io_error(temporary, "cannot be synced");
  }
  ::close(out);
  if (!written) {
    return written;
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    return io_error(file, "cannot be replaced");
  }
  return durable ? sync_folder(file.parent_path()) : Status{};
}

/// Names that go into file names and lines. Keys and accounts of the configuration are so already.
Status check_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  return fits ? Status{}
              : fail(ErrorCode::kMalformed,
                     fmt::format("name \"{}\": expected 1 to 64 of [A-Za-z0-9._-]", name));
}

}  // namespace

FileStore::FileStore(fs::path data_folder, fs::path run_folder, Nanos audit_sync,
                     journal::AuditSyncer::SyncCall sync_call)
    : data_folder_(std::move(data_folder)),
      run_folder_(std::move(run_folder)),
      audit_syncer_(audit_sync, std::move(sync_call)),
      audit_(data_folder_ / "audit", journal::AuditFile::kMaxFileBytes, &audit_syncer_) {}

FileStore::~FileStore() {
  if (log_ >= 0) {
    ::close(log_);
  }
}

Result<SignerState> FileStore::load(const std::set<std::string>& keys,
                                    const std::set<std::string>& accounts,
                                    const std::string& boot_id, ClockReading now) {
  SignerState state;
  bool first_start = true;
  for (const auto& key : keys) {
    if (auto named = check_name(key); !named) {
      return tl::unexpected(named.error());
    }
    first_start = first_start && !fs::exists(data_folder_ / ("nonce-" + key)) &&
                  !fs::exists(run_folder_ / ("nonce-" + key));
    const auto mark = load_mark(key, now);
    if (!mark) {
      return tl::unexpected(mark.error());
    }
    state.nonce_marks[key] = *mark;
  }
  for (const auto& account : accounts) {
    if (auto named = check_name(account); !named) {
      return tl::unexpected(named.error());
    }
    const auto file = data_folder_ / ("lease-" + account);
    const auto text = read_file(file);
    if (!text) {
      return tl::unexpected(text.error());
    }
    if (*text) {
      LeaseRecord record;
      std::istringstream in(**text);
      std::string holder;
      std::string boot;
      if (!(in >> record.epoch >> holder >> boot)) {
        return damaged(file, "epoch, holder and boot id");
      }
      record.holder = holder == "-" ? "" : holder;
      record.boot_id = boot == "-" ? "" : boot;
      state.leases[account] = record;
    }
  }
  const auto pins = read_file(data_folder_ / "assets");
  if (!pins) {
    return tl::unexpected(pins.error());
  }
  std::istringstream lines(pins->value_or(""));
  std::string pair;
  std::uint64_t asset = 0;
  while (lines >> pair) {
    if (!(lines >> asset)) {
      return damaged(data_folder_ / "assets", "a number after " + pair);
    }
    state.pins.push_back({TradingPair{pair}, asset});
  }
  const auto last_boot = read_file(data_folder_ / "boot_id");
  if (!last_boot) {
    return tl::unexpected(last_boot.error());
  }
  const bool same_boot = last_boot->value_or("") == boot_id;
  state.issued_may_be_incomplete = !first_start && !same_boot;
  for (const auto* name : {"issued.log.1", "issued.log"}) {
    if (auto loaded = load_issued(data_folder_ / name, now, state); !loaded) {
      return tl::unexpected(loaded.error());
    }
  }
  if (!same_boot) {
    if (auto saved = replace_file(data_folder_ / "boot_id", boot_id, true); !saved) {
      return tl::unexpected(saved.error());
    }
  }
  auto plan = load_key_plan();
  if (!plan) {
    return tl::unexpected(plan.error());
  }
  state.plan = std::move(*plan);
  if (auto loaded = load_locks(state); !loaded) {
    return tl::unexpected(loaded.error());
  }
  if (auto opened = open_audit(now, state); !opened) {
    return tl::unexpected(opened.error());
  }
  if (auto opened = open_log(); !opened) {
    return tl::unexpected(opened.error());
  }
  return state;
}

Result<std::uint64_t> FileStore::load_mark(const std::string& key, ClockReading now) {
  std::uint64_t mark = 0;
  bool copied = false;
  for (const auto& folder : {data_folder_, run_folder_}) {
    const auto file = folder / ("nonce-" + key);
    const auto text = read_file(file);
    if (!text) {
      return tl::unexpected(text.error());
    }
    if (*text) {
      std::istringstream in(**text);
      std::uint64_t read = 0;
      if (!(in >> read)) {
        return damaged(file, "a nonce");
      }
      mark = std::max(mark, read);
      copied = copied || folder == run_folder_;
    }
  }
  if (!copied) {
    const auto ahead = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.wall.millis())) +
                       2 * NonceSource::kBlockMs;
    mark = std::max(mark, ahead);
  }
  return mark;
}

Status FileStore::load_issued(const fs::path& file, ClockReading now, SignerState& state) {
  const auto text = read_file(file);
  if (!text) {
    return tl::unexpected(text.error());
  }
  std::istringstream lines(text->value_or(""));
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream in(line);
    std::int64_t wall_ms = 0;
    IssuedNonce issued;
    if (lines.eof() ||  // a torn last line: its signature never left
        !(in >> wall_ms >> issued.key >> issued.account >> issued.nonce >>
          issued.expires_after_ms)) {
      continue;
    }
    const auto age = now.wall - UnixNanos::from_millis(wall_ms);
    if (age <= IssuedNonces::kWindow) {
      issued.at = now.boot - std::max(age, Nanos{0});
      state.issued.push_back(std::move(issued));
    }
  }
  return {};
}

Status FileStore::load_locks(SignerState& state) {
  const auto text = read_file(data_folder_ / "locks");
  if (!text) {
    return tl::unexpected(text.error());
  }
  std::istringstream lines(text->value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    KeyLock lock;
    if (!(words >> lock.key >> lock.holder)) {
      return damaged(data_folder_ / "locks", "a key and a holder, found " + line);
    }
    // Nothing after the holder: of a version that did not keep the user.
    if (words >> std::ws; !words.eof() && !(words >> lock.uid)) {
      return damaged(data_folder_ / "locks", "a user's number after " + lock.holder);
    }
    state.locks.insert(std::move(lock));
  }
  return {};
}

Status FileStore::open_audit(ClockReading now, SignerState& state) {
  constexpr Nanos kVelocityWindow = std::chrono::seconds(62);
  return audit_.open([&](std::string_view line) {
    std::int64_t time = 0;
    const auto at = journal::audit_field(line, "time").value_or("");
    std::from_chars(at.data(), at.data() + at.size(), time);
    const auto age = now.wall - UnixNanos{time};
    if (age > kVelocityWindow || journal::audit_field(line, "what") != "signed") {
      return;
    }
    const auto action =
        hyperliquid::parse_action(journal::audit_field(line, "action").value_or(""));
    if (action) {
      state.recent.push_back({std::string(journal::audit_field(line, "key").value_or("")),
                              std::max(age, Nanos{0}), exposure_of(*action)});
    }
  });
}

Status FileStore::open_log() {
  const auto file = data_folder_ / "issued.log";
  log_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (log_ < 0) {
    return io_error(file, "cannot be opened");
  }
  const auto end = ::lseek(log_, 0, SEEK_END);
  log_bytes_ = end < 0 ? 0 : static_cast<std::size_t>(end);
  // A torn last line of a kill -9 must not swallow the next one.
  return log_bytes_ == 0 ? Status{} : write_all(log_, "\n", file);
}

Status FileStore::save_nonce_mark(const std::string& key, std::uint64_t mark) {
  const auto text = fmt::format("{}\n", mark);
  if (auto saved = replace_file(data_folder_ / ("nonce-" + key), text, true); !saved) {
    return saved;
  }
  crash_point("signer.nonce_mark_saved");
  return replace_file(run_folder_ / ("nonce-" + key), text, false);
}

Status FileStore::save_lease(const std::string& account, const LeaseRecord& record) {
  const auto text = [](const std::string& word) { return word.empty() ? "-" : word; };
  for (const auto* word : {&record.holder, &record.boot_id}) {
    if (auto named = word->empty() ? Status{} : check_name(*word); !named) {
      return named;
    }
  }
  return replace_file(
      data_folder_ / ("lease-" + account),
      fmt::format("{} {} {}\n", record.epoch, text(record.holder), text(record.boot_id)), true);
}

Status FileStore::save_pins(const std::vector<AssetEntry>& pins) {
  std::string text;
  for (const auto& pin : pins) {
    text += fmt::format("{} {}\n", pin.pair.value(), pin.asset);
  }
  return replace_file(data_folder_ / "assets", text, true);
}

Status FileStore::save_locks(const std::set<KeyLock>& locks) {
  std::string text;
  for (const auto& lock : locks) {
    text += fmt::format("{} {} {}\n", lock.key, lock.holder, lock.uid);
  }
  return replace_file(data_folder_ / "locks", text, true);
}

/// Lines `account <name> <configured> <current> <draining>...` and `retired <key>`.
Status FileStore::save_key_plan(const KeyPlan& plan) {
  std::string text;
  for (const auto& [account, keys] : plan.accounts) {
    text += fmt::format("account {} {} {}", account, keys.configured, keys.current);
    for (const auto& key : keys.draining) {
      text += " " + key;
    }
    text += "\n";
  }
  for (const auto& key : plan.retired) {
    text += fmt::format("retired {}\n", key);
  }
  return replace_file(data_folder_ / "keys", text, true);
}

Result<KeyPlan> FileStore::load_key_plan() const {
  const auto file = data_folder_ / "keys";
  const auto text = read_file(file);
  if (!text) {
    return tl::unexpected(text.error());
  }
  KeyPlan plan;
  std::istringstream lines(text->value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    words >> kind >> name;
    AccountKeys keys;
    if (kind == "account" && words >> keys.configured >> keys.current) {
      for (std::string key; words >> key;) {
        keys.draining.insert(key);
      }
      plan.accounts[name] = std::move(keys);
    } else if (kind == "retired" && !name.empty()) {
      plan.retired.insert(name);
    } else {
      return damaged(file, "an account with its keys, or a retired key, found " + line);
    }
  }
  return plan;
}

Status FileStore::append_audit(const journal::AuditRecord& record) {
  crash_point("signer.before_audit");
  if (auto written = audit_.append(record); !written) {
    return written;
  }
  if (record.what != "signed" && record.what != "refused") {
    // Rare, and what later lines rest on. A failure shows in audit_health().
    ignore(audit_syncer_.flush(), "the line itself is in the file");
  }
  return {};
}

Status FileStore::append_issued(const IssuedNonce& issued, std::uint64_t wall_ms) {
  const auto file = data_folder_ / "issued.log";
  if (log_bytes_ > kMaxLogBytes) {
    ::close(log_);
    log_ = -1;
    auto old = file;
    old += ".1";
    if (::rename(file.c_str(), old.c_str()) != 0) {
      return io_error(file, "cannot be put aside");
    }
  }
  if (log_ < 0) {
    if (auto opened = open_log(); !opened) {
      return opened;
    }
  }
  const auto line = fmt::format("{} {} {} {} {}\n", wall_ms, issued.key, issued.account,
                                issued.nonce, issued.expires_after_ms);
  if (auto written = write_all(log_, line, file); !written) {
    return written;
  }
  log_bytes_ += line.size();
  crash_point("signer.nonce_noted");
  return {};
}

Result<std::string> read_boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (!(in >> id)) {
    return fail(ErrorCode::kIo, "/proc/sys/kernel/random/boot_id: cannot be read");
  }
  return id;
}

}  // namespace perpwire::signer
