#include "services/marketstream/info_client.hpp"

#include "libs/venues/hyperliquid/endpoints.hpp"
#include "libs/venues/hyperliquid/rate_limits.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace perpwire::marketstream {
namespace {

constexpr Nanos kAnswerTimeout = std::chrono::seconds{5};

std::string json_text(std::string_view text) { return nlohmann::json(text).dump(); }

Result<InfoClient::Answer> answer_of(const net::HttpResult& result) {
  if (!result) return fail(ErrorCode::kVenueUnavailable, result.error().error.text);
  if (result->status == 429) return fail(ErrorCode::kRateLimited, "the venue answered HTTP 429");
  if (result->status >= 500) {
    return fail(ErrorCode::kVenueUnavailable,
                fmt::format("the venue answered HTTP {}", result->status));
  }
  if (result->status != 200) {
    return fail(
        ErrorCode::kVenueRejected,
        fmt::format("the venue answered HTTP {}: {}", result->status, result->body.substr(0, 120)));
  }
  return InfoClient::Answer{result->body, result->received};
}

/// How many objects a list holds, for its weight.
std::uint32_t items_in(std::string_view list) {
  return static_cast<std::uint32_t>(std::count(list.begin(), list.end(), '{'));
}

}  // namespace

/// One round of questions that define the instruments.
struct InfoClient::Poll {
  struct Question {
    std::string type;
    std::string dex;
  };
  std::vector<Question> questions;
  std::size_t next = 0;
  hyperliquid::InstrumentSources sources;
  UnixNanos received;
  DefinitionsDone done;
};

InfoClient::InfoClient(boost::asio::io_context& io, const VenueSettings& venue,
                       std::shared_ptr<net::TlsContext> tls, std::int64_t weight_per_minute)
    : url_(venue.rest_url + std::string{hyperliquid::kInfoPath}),
      http_(io, {.proxy_url = venue.proxy, .tls = std::move(tls)}),
      weight_(weight_per_minute) {}

void InfoClient::stop() {
  stopped_ = true;
  waiting_.clear();
  http_.close();
}

void InfoClient::ask(std::string body, Done done) {
  http_.post(url_, std::move(body), {{"Content-Type", "application/json"}}, kAnswerTimeout,
             [this, done = std::move(done)](const net::HttpResult& result) {
               if (!stopped_) done(answer_of(result));
             });
}

void InfoClient::instruments(const std::vector<std::string>& dexs, DefinitionsDone done) {
  auto poll = std::make_shared<Poll>();
  poll->done = std::move(done);
  poll->questions.push_back({"spotMeta", ""});
  for (const auto& dex : dexs) poll->questions.push_back({"meta", dex});
  if (std::any_of(dexs.begin(), dexs.end(), [](const auto& dex) { return !dex.empty(); })) {
    poll->questions.push_back({"perpDexs", ""});
  }
  ask_next(poll);
}

void InfoClient::ask_next(const std::shared_ptr<Poll>& poll) {
  if (poll->next == poll->questions.size()) {
    auto built = hyperliquid::Instruments::build(poll->sources);
    if (!built) return poll->done(tl::unexpected(built.error()));
    return poll->done(Definitions{std::move(*built), poll->received});
  }
  const auto& question = poll->questions[poll->next];
  if (!weight_.take(hyperliquid::info_weight(question.type), monotonic_now())) {
    poll->done(fail(ErrorCode::kRateLimited,
                    "this process's share of the venue's request weight is used up"));
    return;
  }
  std::string body = question.dex.empty() ? fmt::format(R"({{"type":"{}"}})", question.type)
                                          : fmt::format(R"({{"type":"{}","dex":{}}})",
                                                        question.type, json_text(question.dex));
  ask(std::move(body), [this, poll](Result<Answer> answer) {
    const auto& asked = poll->questions[poll->next];
    if (!answer) {
      poll->done(fail(answer.error().code, fmt::format("{}: {}", asked.type, answer.error().text)));
      return;
    }
    poll->received = answer->received;
    if (asked.type == "spotMeta") poll->sources.spot_meta = answer->body;
    if (asked.type == "perpDexs") poll->sources.perp_dexs = answer->body;
    if (asked.type == "meta") poll->sources.metas.push_back({asked.dex, std::string{answer->body}});
    ++poll->next;
    ask_next(poll);
  });
}

void InfoClient::recent_trades(const std::string& coin, Done done) {
  waiting_.push_back({coin, std::move(done)});
  on_timer();
}

void InfoClient::on_timer() {
  while (!waiting_.empty() &&
         weight_.take(hyperliquid::info_weight("recentTrades"), monotonic_now())) {
    Waiting question = std::move(waiting_.front());
    waiting_.pop_front();
    ask_trades(std::move(question));
  }
}

void InfoClient::ask_trades(Waiting question) {
  ask(fmt::format(R"({{"type":"recentTrades","coin":{}}})", json_text(question.coin)),
      [this, done = std::move(question.done)](Result<Answer> answer) {
        if (answer) {
          weight_.charge(hyperliquid::info_item_weight("recentTrades", items_in(answer->body)),
                         monotonic_now());
        }
        done(std::move(answer));
      });
}

void InfoClient::candles(const std::string& coin, const std::string& interval,
                         std::int64_t start_ms, std::int64_t end_ms, Done done) {
  if (!weight_.take(hyperliquid::info_weight("candleSnapshot"), monotonic_now())) {
    done(fail(ErrorCode::kRateLimited,
              "this process's share of the venue's request weight is used up"));
    return;
  }
  ask(fmt::format(
          R"({{"type":"candleSnapshot","req":{{"coin":{},"interval":"{}","startTime":{},"endTime":{}}}}})",
          json_text(coin), interval, start_ms, end_ms),
      [this, done = std::move(done)](Result<Answer> answer) {
        if (answer) {
          weight_.charge(hyperliquid::info_item_weight("candleSnapshot", items_in(answer->body)),
                         monotonic_now());
        }
        done(std::move(answer));
      });
}

}  // namespace perpwire::marketstream
