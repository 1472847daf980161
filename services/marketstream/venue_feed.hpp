#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class Candle;
class Envelope;
class Instrument;
}  // namespace perpwire::v1

namespace perpwire::marketstream {

/// What the request endpoint asks of a venue's feed. Thread: the io_context's.
class VenueFeed {
 public:
  virtual ~VenueFeed() = default;

  [[nodiscard]] virtual std::string_view venue() const = 0;

  /// The newest event of an `md.<venue>...` topic; for `delta` the whole book as one, with the
  /// numbers of the last delta that it contains. Errors: kUnknownTopic, kResyncing.
  virtual Result<v1::Envelope> snapshot(std::string_view topic) = 0;

  /// A client wants, or no longer wants, channels of pairs. All or nothing.
  /// Errors: kUnknownPair, kInvalidCommand (a channel that is not one of a pair's), kRateLimited
  /// (the venue's limit of
  ///         subscriptions is reached), kNotReady (instruments are not known yet).
  virtual Status subscribe(std::string_view client, const std::vector<std::string>& pairs,
                           const std::vector<std::string>& channels) = 0;
  virtual Status unsubscribe(std::string_view client, const std::vector<std::string>& pairs,
                             const std::vector<std::string>& channels) = 0;

  /// All instruments. Errors: kNotReady.
  virtual Result<std::vector<v1::Instrument>> instruments() = 0;

  struct CandleQuery {
    std::string pair;
    std::string interval;
    UnixNanos start;
    UnixNanos end;  // exclusive
  };
  using CandlesDone = std::function<void(Result<std::vector<v1::Candle>>)>;
  /// Candles that open within [start, end), oldest first; at most the 5,000 newest exist. `done` is
  /// called once, now or later. Errors: kUnknownPair, kInvalidTimeInterval, kRateLimited,
  /// kVenueUnavailable, kVenueRejected, kNotReady.
  virtual void candles(const CandleQuery& query, CandlesDone done) = 0;
};

}  // namespace perpwire::marketstream
