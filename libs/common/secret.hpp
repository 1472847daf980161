#pragma once

#include "libs/common/hex.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace perpwire {

/// Bytes that must not leave the process: a private key, a passphrase.
///
/// The memory is pages of its own, locked against swapping where the system allows it, left out of
/// core dumps, zeroed in a forked child, and wiped on destruction. Not copyable; printing or
/// comparing one does not compile.
class Secret {
 public:
  Secret() = default;
  /// `size` zero bytes, to be filled through `writable()`.
  explicit Secret(std::size_t size);
  /// Copies `bytes`; wiping the source is the caller's.
  static Secret copy_of(ByteView bytes);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] ByteView bytes() const { return {data_, size_}; }
  [[nodiscard]] std::span<std::uint8_t> writable() { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// False where the limit of locked memory (RLIMIT_MEMLOCK) was reached.
  [[nodiscard]] bool locked() const { return locked_; }
  /// Forgets the bytes after the first `size`, wiping them.
  void shrink(std::size_t size);

  template <class Stream>
  friend Stream& operator<<(Stream&, const Secret&) = delete;
  friend bool operator==(const Secret&, const Secret&) = delete;

 private:
  void release() noexcept;

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
  bool locked_ = false;
};

/// Overwrites with zeros in a way that the compiler keeps.
void wipe(std::span<std::uint8_t> bytes);

/// Fills from the kernel's random source; aborts if that fails, since no caller could go on safely.
void fill_random(std::span<std::uint8_t> bytes);

}  // namespace perpwire
