#include "tests/bench/bus_bench.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/bus_publisher.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/time.hpp"
#include "libs/journal/event_log.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <zmq.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace perpwire::bench {
namespace {

using journal::EventLog;

constexpr int kWarm = 2'000;
constexpr int kCalls = 20'000;
constexpr int kJournalEvents = 200'000;

void set_level(v1::Level& level, std::int64_t price, std::int64_t amount) {
  level.set_price_mantissa(price);
  level.set_price_exponent(-1);
  level.set_amount_mantissa(amount);
  level.set_amount_exponent(-5);
}

v1::Envelope book(int n) {
  v1::Envelope envelope;
  envelope.set_event_type("book");
  auto& data = *envelope.mutable_book();
  data.set_venue("hyperliquid");
  data.set_trading_pair("BTC-USD");
  data.set_exchange_timestamp(1'763'600'000'000'000'000 + n);
  data.set_receive_timestamp(1'763'600'000'000'000'000 + n);
  for (int i = 0; i < 20; ++i) {
    set_level(*data.add_bids(), 961'130 - i - n % 7, 12'345 + i);
    set_level(*data.add_asks(), 961'140 + i + n % 7, 54'321 + i);
  }
  return envelope;
}

v1::Envelope bbo(int n) {
  v1::Envelope envelope;
  envelope.set_event_type("bbo");
  auto& data = *envelope.mutable_bbo();
  data.set_venue("hyperliquid");
  data.set_trading_pair("BTC-USD");
  data.set_receive_timestamp(1'763'600'000'000'000'000 + n);
  set_decimal(Decimal::of(961'130 - n % 7, -1), *data.mutable_bid_price());
  set_decimal(Decimal::of(12'345, -5), *data.mutable_bid_amount());
  set_decimal(Decimal::of(961'141 + n % 7, -1), *data.mutable_ask_price());
  set_decimal(Decimal::of(54'321, -5), *data.mutable_ask_amount());
  return envelope;
}

v1::Envelope order(int n) {
  v1::Envelope envelope;
  envelope.set_event_type("order_created");
  auto& data = *envelope.mutable_order();
  data.set_client_order_id(fmt::format("LS-1705747200-{:06}", n));
  data.set_exchange_order_id("123456789");
  data.set_trading_pair("BTC-USD");
  data.set_account("main");
  data.set_order_type("LIMIT");
  data.set_trade_type("BUY");
  set_decimal(Decimal{50'000}, *data.mutable_price());
  set_decimal(Decimal::of(1, -3), *data.mutable_amount());
  set_decimal(Decimal{0}, *data.mutable_filled_amount());
  set_decimal(Decimal{0}, *data.mutable_fee_paid());
  data.set_order_state("OPEN");
  data.set_creation_timestamp(1'763'600'000'000'000'000);
  data.set_last_update_timestamp(1'763'600'000'000'000'000);
  return envelope;
}

void print_percentiles(std::ostream& out, std::string_view name, std::vector<std::int64_t>& nanos) {
  std::sort(nanos.begin(), nanos.end());
  const auto at = [&](double share) {
    return nanos[static_cast<std::size_t>(share * static_cast<double>(nanos.size() - 1))];
  };
  fmt::print(out, "RESULT {}_p50.product ns {}\nRESULT {}_p99.product ns {}\n", name, at(0.5), name,
             at(0.99));
  fmt::print(out, "RESULT {}_p999.product ns {}\n", name, at(0.999));
}

/// Reads everything, as a subscriber in another process does.
class Reader {
 public:
  Reader(const std::string& endpoint, std::string_view prefix)
      : thread_([this, endpoint, text = std::string(prefix)] {
          zmq::context_t context;
          zmq::socket_t sub(context, zmq::socket_type::sub);
          sub.set(zmq::sockopt::subscribe, text);
          sub.set(zmq::sockopt::rcvtimeo, 20);
          sub.connect(endpoint);
          zmq::message_t part;
          while (!stop_) {
            if (sub.recv(part)) ++parts_;
          }
        }) {}
  ~Reader() {
    stop_ = true;
    thread_.join();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  [[nodiscard]] std::uint64_t parts() const { return parts_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> parts_{0};
  std::thread thread_;
};

template <class Make>
void publish(std::ostream& out, std::string_view name, const std::string& topic,
             std::string_view prefix, Make make) {
  zmq::context_t context;
  boost::asio::io_context io{1};
  BusPublisherConfig config;
  config.endpoint = "tcp://127.0.0.1:0";
  config.process = "marketstream";
  config.instance = "bench";
  BusPublisher publisher(io, context, config);
  const Reader reader(publisher.endpoint(), prefix);
  while (!publisher.has_subscriber(topic)) io.run_one_for(std::chrono::milliseconds(10));

  std::vector<std::int64_t> nanos;
  nanos.reserve(kCalls);
  for (int i = 0; i < kWarm + kCalls; ++i) {
    auto envelope = make(i);
    const auto before = monotonic_now();
    publisher.publish(topic, envelope);
    const auto after = monotonic_now();
    if (i >= kWarm) nanos.push_back((after - before).count());
    io.poll();
    // About 20,000 a second: the socket is neither idle nor full.
    while (monotonic_now() - before < std::chrono::microseconds(50)) {
    }
  }
  print_percentiles(out, name, nanos);
}

void journal_bench(std::ostream& out) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("perpwire-bench-journal-{}", getpid());
  const auto watermark = journal::make_memory_watermark();
  const journal::EventLogConfig config{.process = "order-gateway",
                                       .instance = "bench",
                                       .boot_id = "bench",
                                       .new_stream_id = "order-gateway.bench.1"};
  {
    const auto storage = journal::open_posix_storage(folder.string());
    const auto syncer = journal::make_thread_syncer();
    auto log = EventLog::open(*storage, *syncer, *watermark, config, {}, {}, wall_clock_now());
    PW_ASSERT(log.has_value());
    std::vector<std::int64_t> nanos;
    nanos.reserve(kJournalEvents);
    for (int i = 0; i < kJournalEvents; ++i) {
      auto envelope = order(i);
      const auto before = monotonic_now();
      PW_ASSERT((*log)->append("orders.hyperliquid.created", envelope, UnixNanos{i}).has_value());
      nanos.push_back((monotonic_now() - before).count());
    }
    print_percentiles(out, "journal.append", nanos);
    fmt::print(out, "RESULT journal.event_size.product bytes {}\n",
               (*log)->journal().bytes() / kJournalEvents);
  }
  const auto per_second = [](Nanos took) {
    return static_cast<std::int64_t>(kJournalEvents) * 1'000'000'000 / took.count();
  };
  const auto storage = journal::open_posix_storage(folder.string());
  const auto syncer = journal::make_thread_syncer();
  const auto before_open = monotonic_now();
  auto log = EventLog::open(*storage, *syncer, *watermark, config, {}, {}, wall_clock_now());
  PW_ASSERT(log.has_value());
  fmt::print(out, "RESULT journal.open.product events/s {}\n",
             per_second(monotonic_now() - before_open));
  for (const bool json : {false, true}) {
    const auto before = monotonic_now();
    v1::PageRequest request;
    request.set_type("replay");
    std::uint64_t events = 0;
    for (std::uint64_t next = 1; next <= (*log)->last_sequence();) {
      request.set_from_sequence(next);
      const auto parts = (*log)->replay_page(request, json);
      v1::PageReply head;
      PW_ASSERT(parse_payload(parts.front(), head).has_value());
      events += parts.size() / 2;
      next = head.next_sequence();
    }
    PW_ASSERT(events == kJournalEvents + 1);
    fmt::print(out, "RESULT journal.replay_{}.product events/s {}\n", json ? "json" : "protobuf",
               per_second(monotonic_now() - before));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace

void run_bus_bench(std::ostream& out) {
  publish(out, "publish.bbo_protobuf", "md.hyperliquid.bbo.BTC-USD", "pb.", bbo);
  publish(out, "publish.bbo_json", "md.hyperliquid.bbo.BTC-USD", "md.", bbo);
  publish(out, "publish.book_protobuf", "md.hyperliquid.book.BTC-USD", "pb.", book);
  publish(out, "publish.book_json", "md.hyperliquid.book.BTC-USD", "md.", book);
  publish(out, "publish.book_both", "md.hyperliquid.book.BTC-USD", "", book);
  journal_bench(out);
}

}  // namespace perpwire::bench
