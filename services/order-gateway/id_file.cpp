#include "services/order-gateway/id_file.hpp"

#include "libs/common/settings.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace perpwire::gateway {
namespace {

constexpr std::size_t kSlotBytes = 16;
constexpr std::size_t kPageBytes = 4096;
constexpr std::uint64_t kSlotsPerPage = kPageBytes / kSlotBytes;
constexpr std::uint64_t kHeaderBytes = kPageBytes;
constexpr std::string_view kMagic = "PWIDS001";
constexpr std::string_view kSuffix = ".ids";

std::string reason() { return std::strerror(errno); }

std::uint64_t hash_of(const IdMemory::Key& key) {
  std::uint64_t value = 0;  // the key is a hash already
  std::memcpy(&value, key.data(), sizeof value);
  return value;
}

bool read_whole(int fd, char* out, std::size_t bytes, std::uint64_t offset) {
  while (bytes > 0) {
    const auto done = ::pread(fd, out, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    out += done;
    bytes -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

bool write_whole(int fd, const char* data, std::size_t bytes, std::uint64_t offset) {
  while (bytes > 0) {
    const auto done = ::pwrite(fd, data, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    data += done;
    bytes -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

bool is_free(const char* slot) {
  return std::all_of(slot, slot + kSlotBytes, [](char c) { return c == 0; });
}

}  // namespace

IdFile::IdFile(const std::filesystem::path& folder, Options options)
    : folder_(folder), options_(options) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) throw ConfigError(folder_.string() + ": " + error.message());
  std::vector<std::pair<std::uint64_t, std::filesystem::path>> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t number = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (bad == std::errc{} && std::string_view(end) == kSuffix) {
      found.emplace_back(number, entry.path());
    }
  }
  if (error) throw ConfigError(folder_.string() + ": " + error.message());
  std::sort(found.begin(), found.end());
  for (const auto& [number, path] : found) open_table(path, number);
  if (!tables_.empty()) return;
  if (const Status made = add_table(options_.first_slots); !made) {
    throw ConfigError(made.error().text);
  }
}

IdFile::~IdFile() {
  for (const Table& table : tables_) ::close(table.fd);
}

void IdFile::open_table(const std::filesystem::path& path, std::uint64_t number) {
  Table table{.path = path, .fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC), .number = number};
  if (table.fd < 0) throw ConfigError(path.string() + ": " + reason());
  struct stat status {};
  std::string header(kMagic.size() + sizeof table.slots, '\0');
  const bool read = ::fstat(table.fd, &status) == 0 &&
                    read_whole(table.fd, header.data(), header.size(), 0) &&
                    std::string_view(header).starts_with(kMagic);
  if (read) std::memcpy(&table.slots, header.data() + kMagic.size(), sizeof table.slots);
  const auto expected = kHeaderBytes + table.slots * kSlotBytes;
  if (!read || table.slots == 0 || static_cast<std::uint64_t>(status.st_size) != expected) {
    // Killed while it was made: nothing was kept in it yet.
    ::close(table.fd);
    if (status.st_size > static_cast<off_t>(kHeaderBytes)) {
      throw ConfigError(path.string() + ": expected a table of ids, found something else");
    }
    ::unlink(path.c_str());
    return;
  }
  std::string page(kPageBytes, '\0');
  for (std::uint64_t at = kHeaderBytes; at < expected; at += kPageBytes) {
    if (!read_whole(table.fd, page.data(), page.size(), at)) {
      ::close(table.fd);
      throw ConfigError(path.string() + ": " + reason());
    }
    for (std::size_t slot = 0; slot < kPageBytes; slot += kSlotBytes) {
      if (!is_free(page.data() + slot)) ++table.used;
    }
  }
  tables_.push_back(std::move(table));
}

Status IdFile::add_table(std::uint64_t slots) {
  const std::uint64_t number = tables_.empty() ? 1 : tables_.back().number + 1;
  Table table{.path = folder_ / (std::to_string(number) + std::string(kSuffix)),
              .fd = -1,
              .number = number,
              .slots = slots};
  table.fd = ::open(table.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (table.fd < 0) return fail(ErrorCode::kIo, table.path.string() + ": " + reason());
  std::string header(kMagic);
  header.resize(kMagic.size() + sizeof slots);
  std::memcpy(header.data() + kMagic.size(), &slots, sizeof slots);
  // The header first: a file that has its size has its header.
  if (!write_whole(table.fd, header.data(), header.size(), 0) ||
      ::ftruncate(table.fd, static_cast<off_t>(kHeaderBytes + slots * kSlotBytes)) != 0) {
    const std::string why = reason();
    ::close(table.fd);
    ::unlink(table.path.c_str());
    return fail(ErrorCode::kIo, table.path.string() + ": " + why);
  }
  tables_.push_back(std::move(table));
  return {};
}

Result<IdFile::Place> IdFile::look(const Table& table, const Key& key) {
  const std::uint64_t pages = table.slots / kSlotsPerPage;
  const std::uint64_t hash = hash_of(key);
  std::uint64_t page_number = (hash >> 8) % pages;
  std::uint64_t first = hash % kSlotsPerPage;
  char page[kPageBytes];
  // The first page twice: its slots before the first one tried come last.
  for (std::uint64_t tried = 0; tried <= pages; ++tried) {
    if (!read_whole(table.fd, page, sizeof page, kHeaderBytes + page_number * kPageBytes)) {
      return fail(ErrorCode::kIo, table.path.string() + ": " + reason());
    }
    for (std::uint64_t i = first; i < kSlotsPerPage; ++i) {
      const char* slot = page + i * kSlotBytes;
      const std::uint64_t at = page_number * kSlotsPerPage + i;
      if (is_free(slot)) return Place{.found = false, .fingerprint = 0, .slot = at};
      if (std::memcmp(slot, key.data(), key.size()) != 0) continue;
      Place place{.found = true, .fingerprint = 0, .slot = at};
      std::memcpy(&place.fingerprint, slot + key.size(), sizeof place.fingerprint);
      return place;
    }
    first = 0;
    page_number = (page_number + 1) % pages;
  }
  return fail(ErrorCode::kIo, table.path.string() + ": full");
}

std::optional<std::uint32_t> IdFile::find(const Key& key) const {
  for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
    const auto place = look(*table, key);
    if (!place) {
      spdlog::error("ids: {}", place.error().text);
      continue;
    }
    if (place->found) return place->fingerprint;
  }
  return std::nullopt;
}

bool IdFile::keep(const Key& key, std::uint32_t fingerprint, UnixNanos /*at*/) {
  if (find(key)) return true;
  if (tables_.back().used * 10 >= tables_.back().slots * 7) {
    const auto made = add_table(std::min(tables_.back().slots * 2, options_.most_slots));
    if (!made) {
      spdlog::error("ids: {}", made.error().text);
      if (tables_.back().used + 1 >= tables_.back().slots) return false;
    }
  }
  Table& table = tables_.back();
  const auto place = look(table, key);
  if (!place) {
    spdlog::error("ids: {}", place.error().text);
    return false;
  }
  char slot[kSlotBytes];
  std::memcpy(slot, key.data(), key.size());
  std::memcpy(slot + key.size(), &fingerprint, sizeof fingerprint);
  if (!write_whole(table.fd, slot, sizeof slot, kHeaderBytes + place->slot * kSlotBytes)) {
    spdlog::error("ids: {}: {}", table.path.string(), reason());
    return false;
  }
  ++table.used;
  table.dirty = true;
  return true;
}

void IdFile::forget_before(UnixNanos before) {
  while (tables_.size() > 1) {
    const Table& oldest = tables_.front();
    struct stat status {};
    if (::fstat(oldest.fd, &status) != 0) return;
    if (UnixNanos::from_millis(static_cast<std::int64_t>(status.st_mtime) * 1'000) >= before) {
      return;
    }
    ::close(oldest.fd);
    ::unlink(oldest.path.c_str());
    tables_.erase(tables_.begin());
  }
}

Status IdFile::sync() {
  for (Table& table : tables_) {
    if (!table.dirty) continue;
    if (::fdatasync(table.fd) != 0) {
      return fail(ErrorCode::kIo, table.path.string() + ": " + reason());
    }
    table.dirty = false;
  }
  return {};
}

std::uint64_t IdFile::size() const {
  std::uint64_t all = 0;
  for (const Table& table : tables_) all += table.used;
  return all;
}

}  // namespace perpwire::gateway
