#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace perpwire {

/// Hashing that finds a std::string key by a string_view.
struct TransparentHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};
template <class Value>
using StringMap = std::unordered_map<std::string, Value, TransparentHash, std::equal_to<>>;

/// The numbers of one event. They belong to the event, not to an encoding.
struct EventNumbers {
  std::uint64_t sequence = 0;        // per stream, from 1
  std::uint64_t topic_sequence = 0;  // per stream and topic, from 1

  friend bool operator==(const EventNumbers&, const EventNumbers&) = default;
};

/// Gives the numbers of one stream, each once. Pure.
class EventNumbering {
 public:
  /// A fresh stream: the first event is 1.
  explicit EventNumbering(std::string stream);

  EventNumbers next(std::string_view topic);

  [[nodiscard]] const std::string& stream() const { return stream_; }
  [[nodiscard]] std::uint64_t newest_sequence() const { return sequence_; }

 private:
  std::string stream_;
  std::uint64_t sequence_ = 0;
  StringMap<std::uint64_t> topics_;
};

/// `process.instance.<id>` of a stream that never existed before: the id is 64 random bits in hex.
std::string make_stream_id(std::string_view process, std::string_view instance);

/// The channel of an event topic: "book" of `md.hyperliquid.book.BTC-USD`, "orders" of
/// `orders.hyperliquid.created`, "gateway", "risk.state", "risk.limits", "stream", "hb".
std::string_view topic_channel(std::string_view topic);
/// Whether the contract keeps and re-sends the topic's last value: book, bbo, ticker, mids, candle,
/// instrument, status, positions, balances, gateway status, risk state and limits.
bool keeps_last_value(std::string_view topic);
/// Whether pace may conflate the topic: book, bbo, ticker and mids only.
bool may_conflate(std::string_view topic);

}  // namespace perpwire
