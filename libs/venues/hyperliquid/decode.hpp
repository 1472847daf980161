#pragma once

#include "libs/common/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace perpwire::hyperliquid {

/// Recorded frames to normalised events, offline: `perpwire decode --venue hyperliquid`. The frames
/// go through the same parser and protocol as live ones; only old trades of first messages are
/// published too, and prices are checked against the widest grid, since a recording need not hold
/// the instruments.
///
/// A line of input is one of
///   {...}                                    a raw frame
///   receive_ns <tab> source <tab> text       source `ws...`: a frame; `rest...` or `http...`: an
///   answer of /info whose type the
///                                            source names; `out...`: sent by the client
///   {"frame":{...}, ...}                     a frame of the fixtures
///   {"request":{"type":...},"response":...}  an answer of /info of the fixtures
/// Deterministic: events are numbered from 1 on the stream `decode`, `timestamp` and
/// `receive_timestamp` are the line's receive_ns (0 without one).
class Decoder {
 public:
  struct Counts {
    std::uint64_t lines = 0;
    std::uint64_t decoded = 0;    // lines with at least one event, or a change of a book
    std::uint64_t ignored = 0;    // named on `note` with the reason
    std::uint64_t malformed = 0;  // named on `note`
    std::uint64_t events = 0;
  };
  /// One line without its end: an event as contract JSON, or a remark "line 7: ignored: ...".
  using Sink = std::function<void(std::string_view)>;

  Decoder(Sink event, Sink note);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// The next line, without its end. Empty lines are skipped.
  void line(std::string_view text);
  /// One JSON object: books.<coin> {valid, snapshots, stale_ignored, doubtful, gaps, bids, asks,
  /// ...} and trades.<coin> {count, duplicates, first_id, last_id, taker_buy_qty, taker_sell_qty};
  /// bids and asks are the best 20 of the newest frame as [price, quantity], with the digits of the
  /// wire.
  [[nodiscard]] std::string final_book() const;
  [[nodiscard]] const Counts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calls `line` for each line of a file, plain or gzip. Errors: kIo naming file and reason; a line
/// of over 64 MiB.
Status for_each_line(const std::filesystem::path& file,
                     const std::function<void(std::string_view)>& line);

}  // namespace perpwire::hyperliquid
