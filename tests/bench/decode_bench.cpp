#include "tests/bench/decode_bench.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/time.hpp"
#include "libs/venues/hyperliquid/market_envelopes.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

namespace perpwire::bench {
namespace {

using namespace hyperliquid;
namespace od = simdjson::ondemand;

constexpr int kRounds = 5;
constexpr std::size_t kMade = 4'000;

struct Corpus {
  std::string name;
  std::vector<std::string> messages;
};

Corpus make_books() {
  Corpus out{"hl_l2Book", {}};
  std::mt19937_64 random{42};
  std::int64_t mid = 96'113;
  for (std::size_t i = 0; i < kMade; ++i) {
    mid += static_cast<std::int64_t>(random() % 3) - 1;
    std::array<std::string, 2> sides;
    for (int side = 0; side < 2; ++side) {
      std::int64_t price = mid + side;
      for (int level = 0; level < 20; ++level) {
        sides[static_cast<std::size_t>(side)] +=
            fmt::format(R"({}{{"px":"{}.0","sz":"{}.{:05}","n":{}}})", level == 0 ? "" : ",", price,
                        random() % 9, 1 + random() % 99'999, 1 + random() % 60);
        price += (side == 0 ? -1 : 1) * static_cast<std::int64_t>(1 + random() % 4);
      }
    }
    out.messages.push_back(fmt::format(
        R"({{"channel":"l2Book","data":{{"coin":"BTC","time":{},"levels":[[{}],[{}]]}}}})",
        1'763'600'000'000 + 500 * i, sides[0], sides[1]));
  }
  return out;
}

Corpus make_bbos() {
  Corpus out{"hl_bbo", {}};
  std::mt19937_64 random{43};
  for (std::size_t i = 0; i < kMade; ++i) {
    const auto mid = 96'000 + random() % 200;
    out.messages.push_back(fmt::format(
        R"({{"channel":"bbo","data":{{"coin":"BTC","time":{},"bbo":[{{"px":"{}.0","sz":"1.{:04}","n":2}},{{"px":"{}.0","sz":"0.{:04}","n":9}}]}}}})",
        1'763'600'000'000 + i, mid, 1 + random() % 9'999, mid + 1, 1 + random() % 9'999));
  }
  return out;
}

Corpus make_trades() {
  Corpus out{"hl_trades", {}};
  std::mt19937_64 random{44};
  const std::string hash(64, 'a');
  const std::string user(40, 'b');
  for (std::size_t i = 0; i < kMade; ++i) {
    std::string list;
    for (std::uint64_t n = 1 + random() % 5; n > 0; --n) {
      list += fmt::format(
          R"({}{{"coin":"BTC","side":"{}","px":"{}.0","sz":"0.{:05}","time":{},"hash":"0x{}","tid":{},"users":["0x{}","0x{}"]}})",
          list.empty() ? "" : ",", random() % 2 == 0 ? 'A' : 'B', 96'000 + random() % 200,
          1 + random() % 99'999, 1'763'600'000'000 + i, hash, random() % 1'000'000'000'000'000,
          user, user);
    }
    out.messages.push_back(R"({"channel":"trades","data":[)" + list + "]}");
  }
  return out;
}

std::vector<Corpus> load(const std::string& folder) {
  std::vector<Corpus> out;
  for (const char* name : {"hl_l2Book", "hl_trades", "hl_bbo"}) {
    std::ifstream file(folder + "/" + name + ".ndjson");
    Corpus corpus{name, {}};
    for (std::string line; std::getline(file, line);) corpus.messages.push_back(line);
    if (!corpus.messages.empty()) out.push_back(std::move(corpus));
  }
  return out;
}

/// Walks the fields that the product reads, by the same schema, and converts nothing.
class RawWalk {
 public:
  void operator()(const std::string& message) {
    if (buffer_.size() < message.size() + simdjson::SIMDJSON_PADDING) {
      buffer_.resize(2 * message.size() + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(buffer_.data(), message.data(), message.size());
    od::document document;
    if (parser_.iterate(buffer_.data(), message.size(), buffer_.size()).get(document) !=
        simdjson::SUCCESS)
      return;
    std::string_view channel = document["channel"].get_string().value();
    od::value data = document["data"].value();
    if (channel == "trades") {
      for (auto trade : data.get_array()) {
        od::object fields = trade.get_object();
        text(fields["coin"]);
        text(fields["side"]);
        text(fields["px"]);
        text(fields["sz"]);
        seen_ += fields["time"].get_uint64().value();
        seen_ += fields["tid"].get_uint64().value();
      }
      return;
    }
    od::object fields = data.get_object();
    text(fields["coin"]);
    seen_ += fields["time"].get_uint64().value();
    if (channel == "bbo") {
      for (auto side : fields["bbo"].get_array()) level(side.value());
      return;
    }
    for (auto side : fields["levels"].get_array()) {
      for (auto one : side.get_array()) level(one.value());
    }
  }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 private:
  void text(simdjson::simdjson_result<od::value> value) {
    seen_ += static_cast<std::uint64_t>(value.get_raw_json_string().value().raw()[0]);
  }
  void level(od::value value) {
    od::object fields = value.get_object();
    text(fields["px"]);
    text(fields["sz"]);
    seen_ += fields["n"].get_uint64().value();
  }
  std::vector<char> buffer_;
  od::parser parser_;
  std::uint64_t seen_ = 0;
};

/// The shipped path from a frame to its events.
class Product {
 public:
  enum class Encode { kNothing, kJson, kProtobuf };
  explicit Product(Encode encode) : encode_(encode) {
    MarketInstrument instrument;
    instrument.coin = "BTC";
    instrument.pair = "BTC-USD";
    instrument.grid = {.max_decimals = 1, .size_decimals = 5};
    instruments_.put(instrument);
    MarketProtocolOptions options;
    options.first_trades_are_old = false;
    protocol_ = std::make_unique<MarketProtocol>(options, instruments_);
    for (const auto stream : {Stream::kL2Book, Stream::kBbo, Stream::kTrades}) {
      protocol_->add({.stream = stream, .coin = "BTC"}, actions_);
    }
    protocol_->on_connected(now_, actions_);
  }
  void operator()(const std::string& message) {
    actions_.clear();
    protocol_->on_text(message, now_, actions_);
    for (const auto& action : actions_) {
      std::visit([this](const auto& event) { take(event); }, action);
    }
  }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t refused() const {
    const auto& counters = protocol_->counters();
    return counters.malformed + counters.resyncs + counters.unknown_coins;
  }

 private:
  template <class Event>
  void take(const Event& event) {
    if constexpr (requires { fill(event, now_.wall, envelope_, topic_); }) {
      ++events_;
      if (encode_ == Encode::kNothing) return;
      fill(event, now_.wall, envelope_, topic_);
      encode();
    } else if constexpr (std::is_same_v<Event, BookEvent>) {
      ++events_;
      if (encode_ == Encode::kNothing) return;
      fill(event, 20, now_.wall, envelope_, topic_);
      encode();
    }
  }
  void encode() {
    bytes_.clear();
    if (encode_ == Encode::kJson) {
      append_contract_json(envelope_, bytes_);
    } else {
      envelope_.SerializeToString(&bytes_);
    }
    envelope_.Clear();
  }

  Encode encode_;
  MarketInstruments instruments_;
  std::unique_ptr<MarketProtocol> protocol_;
  std::vector<MarketAction> actions_;
  Moment now_{std::chrono::hours{1}, UnixNanos::from_millis(1'763'600'000'000)};
  v1::Envelope envelope_;
  std::string topic_;
  std::string bytes_;
  std::uint64_t events_ = 0;
};

/// Time of the processor, not of the wall: other processes of the machine do not count.
Nanos processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + Nanos{now.tv_nsec};
}

template <class Run>
std::int64_t nanos_each(const Corpus& corpus, Run& run) {
  const Nanos begun = processor_time();
  for (const auto& message : corpus.messages) run(message);
  return (processor_time() - begun).count() / static_cast<std::int64_t>(corpus.messages.size());
}

bool measure(const Corpus& corpus, std::ostream& out) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> rows{
      {"raw", {}}, {"product", {}}, {"product_json", {}}, {"product_proto", {}}};
  std::uint64_t refused = 0;
  // All contenders in turn within a round: figures of one round compare, absolute ones move with
  // the machine. Times of a corpus do not go back, so each round has a protocol of its own.
  for (int round = 0; round < kRounds; ++round) {
    RawWalk raw;
    rows[0].second.push_back(nanos_each(corpus, raw));
    std::size_t row = 1;
    for (const auto encode :
         {Product::Encode::kNothing, Product::Encode::kJson, Product::Encode::kProtobuf}) {
      Product product{encode};
      rows[row++].second.push_back(nanos_each(corpus, product));
      refused += product.refused();
    }
  }
  for (auto& [name, nanos] : rows) {
    std::nth_element(nanos.begin(), nanos.begin() + kRounds / 2, nanos.end());
    out << fmt::format("RESULT decode.{}.{} ns {}\n", corpus.name, name, nanos[kRounds / 2]);
  }
  if (refused > 0) out << fmt::format("decode.{}: {} messages refused\n", corpus.name, refused);
  return refused == 0;
}

}  // namespace

bool run_decode_bench(const std::string& corpus, std::ostream& out) {
  const auto all =
      corpus.empty() ? std::vector<Corpus>{make_books(), make_trades(), make_bbos()} : load(corpus);
  if (all.empty()) {
    out << fmt::format("decode: no hl_*.ndjson in {}\n", corpus);
    return false;
  }
  bool good = true;
  for (const auto& one : all) good = measure(one, out) && good;
  return good;
}

}  // namespace perpwire::bench
