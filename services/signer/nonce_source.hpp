#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace perpwire::signer {

/// The nonces of one key: max(now, last + 1), strictly increasing for ever.
///
/// A high-water mark lies on disk ahead of use: no nonce above it was ever given out, so a restart
/// goes on above it, whatever the clock says by then. Blocks are kBlockMs wide: at most that many
/// nonces are skipped by a crash.
/// Source: hyperliquid.md section 4 (per signer, never used before, within T - 2 days, T + 1 day).
class NonceSource {
 public:
  static constexpr std::uint64_t kBlockMs = 5'000;
  /// Nonces this far ahead of the clock are refused: the venue takes up to 1 day, less what it was
  /// measured to.
  static constexpr std::uint64_t kMaxAheadMs = 23ULL * 3'600'000;

  /// Makes `mark` durable before it returns.
  using Reserve = std::function<Status(std::uint64_t mark)>;

  /// Nothing above `mark` was ever given out.
  explicit NonceSource(std::uint64_t mark) : last_(mark), mark_(mark) {}

  /// The next nonce. Calls `reserve` first where the mark does not cover it.
  /// Errors: what `reserve` says, or kSignerRefused if nonces have run too far ahead of the clock;
  ///         nothing was used then.
  Result<std::uint64_t> next(std::uint64_t now_ms, const Reserve& reserve);

  /// last + 1 where the mark covers it: for what must be signed while the disk takes nothing more.
  std::optional<std::uint64_t> next_reserved();

  /// A mark worth reserving off the path: less than half a block is left. Nothing otherwise.
  [[nodiscard]] std::optional<std::uint64_t> top_up() const;
  /// `mark` has been made durable.
  void reserved(std::uint64_t mark);

  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t mark() const { return mark_; }

 private:
  std::uint64_t last_;
  std::uint64_t mark_;
};

}  // namespace perpwire::signer
