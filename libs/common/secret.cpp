#include "libs/common/secret.hpp"

#include "libs/common/assert.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

namespace perpwire {

Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) {
    return;
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  mapped_ = (size + page - 1) / page * page;
  void* memory =
      ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  PW_ASSERT(memory != MAP_FAILED);
  data_ = static_cast<std::uint8_t*>(memory);
  locked_ = ::mlock(data_, mapped_) == 0;
  // Older kernels lack these two; the process also forbids core dumps as a whole.
  static_cast<void>(::madvise(data_, mapped_, MADV_DONTDUMP));
  static_cast<void>(::madvise(data_, mapped_, MADV_WIPEONFORK));
}

Secret Secret::copy_of(ByteView bytes) {
  Secret secret(bytes.size());
  std::copy(bytes.begin(), bytes.end(), secret.data_);
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)),
      locked_(std::exchange(other.locked_, false)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    mapped_ = std::exchange(other.mapped_, 0);
    locked_ = std::exchange(other.locked_, false);
  }
  return *this;
}

Secret::~Secret() { release(); }

void Secret::shrink(std::size_t size) {
  PW_ASSERT(size <= size_);
  if (size < size_) {
    wipe({data_ + size, size_ - size});
    size_ = size;
  }
}

void Secret::release() noexcept {
  if (data_ != nullptr) {
    ::explicit_bzero(data_, mapped_);
    ::munmap(data_, mapped_);
    data_ = nullptr;
    size_ = mapped_ = 0;
  }
}

void wipe(std::span<std::uint8_t> bytes) { ::explicit_bzero(bytes.data(), bytes.size()); }

void fill_random(std::span<std::uint8_t> bytes) {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto got = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    PW_ASSERT(got > 0 || errno == EINTR);
    filled += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
}

}  // namespace perpwire
