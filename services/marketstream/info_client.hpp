#pragma once

#include "libs/common/minute_budget.hpp"
#include "libs/common/result.hpp"
#include "libs/common/settings.hpp"
#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace perpwire::marketstream {

/// Questions to Hyperliquid's /info about the market, within this process's share of the request
/// weight.
///
/// Owner: HyperliquidFeed. Thread: the io_context's. Callbacks run later, never from inside a call,
/// and not after stop().
class InfoClient {
 public:
  /// `weight_per_minute`: 0 = no limit.
  InfoClient(boost::asio::io_context& io, const VenueSettings& venue,
             std::shared_ptr<net::TlsContext> tls, std::int64_t weight_per_minute);

  /// Errors of all: kRateLimited, kVenueUnavailable (no answer, 5xx), kVenueRejected (4xx).
  struct Answer {
    std::string_view body;  // dies with the call
    UnixNanos received;
  };
  using Done = std::function<void(Result<Answer>)>;

  struct Definitions {
    hyperliquid::Instruments instruments;
    UnixNanos received;
  };
  using DefinitionsDone = std::function<void(Result<Definitions>)>;
  /// Reads the definitions of all instruments of `dexs` and of spot: several questions, one after
  /// the other.
  void instruments(const std::vector<std::string>& dexs, DefinitionsDone done);

  /// Waits for its share of the weight: asked for every gap of trades, and there may be many at
  /// once.
  void recent_trades(const std::string& coin, Done done);
  /// Bounds inclusive, in ms. kRateLimited at once where the share is used up.
  void candles(const std::string& coin, const std::string& interval, std::int64_t start_ms,
               std::int64_t end_ms, Done done);

  /// Asks what waited for weight. Call at least every second.
  void on_timer();
  void stop();
  [[nodiscard]] const MinuteBudget& weight() const { return weight_; }

 private:
  struct Poll;
  struct Waiting {
    std::string coin;
    Done done;
  };
  void ask(std::string body, Done done);
  void ask_next(const std::shared_ptr<Poll>& poll);
  void ask_trades(Waiting question);

  std::string url_;
  net::HttpClient http_;
  MinuteBudget weight_;
  std::deque<Waiting> waiting_;  // bounded by the coins: one question each
  bool stopped_ = false;
};

}  // namespace perpwire::marketstream
