#include "libs/common/assert.hpp"
#include "libs/journal/event_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perpwire::journal {
namespace {

/// The mapped file. A process may be killed between any two stores: a stream is written whole into
/// the slot that is not in use before that becomes the one in use.
struct Mapped {
  struct Slot {
    std::uint64_t sequence;
    std::uint64_t length;
    std::uint64_t record;
    std::array<char, 232> stream;
  };
  std::array<char, 8> magic;
  std::uint64_t active;
  std::array<Slot, 2> slots;
};
constexpr std::array<char, 8> kMagic{'P', 'W', 'W', 'M', 'A', 'R', 'K', '2'};

class MappedWatermark : public WatermarkStore {
 public:
  explicit MappedWatermark(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0 || ::ftruncate(fd, sizeof(Mapped)) != 0) refuse(file, fd);
    void* at = ::mmap(nullptr, sizeof(Mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) refuse(file, fd);
    ::close(fd);
    mapped_ = static_cast<Mapped*>(at);
    if (!is_whole()) *mapped_ = Mapped{};  // none, or not one of ours: as if it were missing
  }
  ~MappedWatermark() override { ::munmap(mapped_, sizeof(Mapped)); }
  MappedWatermark(const MappedWatermark&) = delete;
  MappedWatermark& operator=(const MappedWatermark&) = delete;

  [[nodiscard]] std::optional<Watermark> read() const override {
    const auto& slot = mapped_->slots[mapped_->active];
    if (mapped_->magic != kMagic || slot.length == 0) return std::nullopt;
    return Watermark{.stream = std::string(slot.stream.data(), slot.length),
                     .written = {.sequence = slot.sequence, .record = slot.record}};
  }

  void write(std::string_view stream, Written written) override {
    PW_ASSERT(!stream.empty() && stream.size() <= mapped_->slots[0].stream.size());
    const bool known = mapped_->magic == kMagic;
    auto& now = mapped_->slots[known ? mapped_->active : 0];
    if (known && std::string_view(now.stream.data(), now.length) == stream) {
      // One without the other is behind the journal, which goes on then.
      std::atomic_ref(now.sequence).store(written.sequence, std::memory_order_release);
      std::atomic_ref(now.record).store(written.record, std::memory_order_release);
      return;
    }
    const std::uint64_t other = known ? 1 - mapped_->active : 0;
    auto& slot = mapped_->slots[other];
    slot.sequence = written.sequence;
    slot.record = written.record;
    slot.length = stream.size();
    std::memcpy(slot.stream.data(), stream.data(), stream.size());
    std::atomic_ref(mapped_->active).store(other, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_release);
    mapped_->magic = kMagic;
  }

 private:
  [[noreturn]] static void refuse(const std::string& file, int fd) {
    const auto why = std::generic_category().message(errno);
    if (fd >= 0) ::close(fd);
    throw ConfigError(fmt::format("watermark {}: {}", file, why));
  }

  [[nodiscard]] bool is_whole() const {
    return mapped_->magic == kMagic && mapped_->active < mapped_->slots.size() &&
           std::all_of(mapped_->slots.begin(), mapped_->slots.end(),
                       [](const Mapped::Slot& slot) { return slot.length <= slot.stream.size(); });
  }

  Mapped* mapped_ = nullptr;
};

class MemoryWatermark : public WatermarkStore {
 public:
  [[nodiscard]] std::optional<Watermark> read() const override { return value_; }
  void write(std::string_view stream, Written written) override {
    if (!value_) value_.emplace();
    if (value_->stream != stream) value_->stream = stream;
    value_->written = written;
  }

 private:
  std::optional<Watermark> value_;
};

}  // namespace

std::unique_ptr<WatermarkStore> open_watermark(const std::string& file) {
  return std::make_unique<MappedWatermark>(file);
}
std::unique_ptr<WatermarkStore> make_memory_watermark() {
  return std::make_unique<MemoryWatermark>();
}

std::string kernel_boot_id() {
  // proc(5): a random UUID made at each boot of the kernel.
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  if (id.empty()) throw ConfigError("/proc/sys/kernel/random/boot_id: expected an id, found none");
  return id;
}

}  // namespace perpwire::journal
