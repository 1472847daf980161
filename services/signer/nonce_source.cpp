#include "services/signer/nonce_source.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perpwire::signer {

Result<std::uint64_t> NonceSource::next(std::uint64_t now_ms, const Reserve& reserve) {
  const auto nonce = std::max(now_ms, last_ + 1);
  if (nonce > now_ms + kMaxAheadMs) {
    return fail(ErrorCode::kSignerRefused,
                fmt::format("rule nonce_window: the next nonce {} is {} h ahead of the clock: the "
                            "venue would not take it",
                            nonce, (nonce - now_ms) / 3'600'000));
  }
  if (nonce > mark_) {
    const auto mark = nonce + kBlockMs;
    if (auto done = reserve(mark); !done) {
      return tl::unexpected(done.error());
    }
    mark_ = mark;
  }
  last_ = nonce;
  return nonce;
}

std::optional<std::uint64_t> NonceSource::next_reserved() {
  if (last_ >= mark_) {
    return std::nullopt;
  }
  return ++last_;
}

std::optional<std::uint64_t> NonceSource::top_up() const {
  if (last_ == mark_ || mark_ - last_ > kBlockMs / 2) {
    return std::nullopt;  // never used since the start, or enough is left
  }
  return last_ + kBlockMs;
}

void NonceSource::reserved(std::uint64_t mark) { mark_ = std::max(mark_, mark); }

}  // namespace perpwire::signer
