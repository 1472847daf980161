#include "tests/bench/suite_bench.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/decimal.hpp"
#include "libs/common/time.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "tests/bench/path_bench.hpp"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <zmq.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace perpwire::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPair = "BTC-USD";

class Samples {
 public:
  void add(std::int64_t nanos) { nanos_.push_back(nanos); }
  [[nodiscard]] std::size_t size() const { return nanos_.size(); }
  /// Needs one sample.
  [[nodiscard]] std::int64_t at(int per_mille) {
    std::sort(nanos_.begin(), nanos_.end());
    return nanos_[std::min(nanos_.size() - 1,
                           nanos_.size() * static_cast<std::size_t>(per_mille) / 1000)];
  }
  void print(std::ostream& out, std::string_view name, std::initializer_list<int> per_mille,
             std::string_view implementation = "product") {
    if (nanos_.empty()) return;
    for (const int p : per_mille) {
      const auto label = p == 500 ? "p50" : p == 990 ? "p99" : "p999";
      fmt::print(out, "RESULT {}_{}.{} us {}.{}\n", name, label, implementation, at(p) / 1000,
                 at(p) % 1000 / 100);
    }
  }

 private:
  std::vector<std::int64_t> nanos_;
};

constexpr int kTurn = 100;  // orders of one implementation before the next has its turn

/// The yardstick, over a plain socket and over TLS.
struct BarePaths {
  void run(int count) {
    for (const Nanos took : plain_path.run(count)) plain.add(took.count());
    for (const Nanos took : tls_path.run(count)) tls.add(took.count());
  }
  void print(std::ostream& out) {
    plain.print(out, "place.to_wire", {500, 990, 999}, "bare_plain");
    tls.print(out, "place.to_wire", {500, 990, 999}, "bare_tls");
  }

  BarePath plain_path{BarePath::Wire::kPlain};
  BarePath tls_path{BarePath::Wire::kTls};
  Samples plain;
  Samples tls;
};

/// A strategy in miniature: one DEALER for commands, one SUB for order events, both in protobuf.
class Client {
 public:
  Client(zmq::context_t& context, const Settings& settings)
      : commands_(context, zmq::socket_type::dealer), events_(context, zmq::socket_type::sub) {
    commands_.set(zmq::sockopt::sndhwm, 100'000);
    commands_.set(zmq::sockopt::linger, 0);
    commands_.connect(settings.order_gateway.commands);
    events_.set(zmq::sockopt::rcvhwm, 0);
    events_.set(zmq::sockopt::linger, 0);
    events_.set(zmq::sockopt::subscribe, "pb.orders.");
    events_.connect(settings.order_gateway.events);
  }

  void send(const v1::Command& command) {
    command.SerializeToString(&buffer_);
    commands_.send(zmq::message_t(), zmq::send_flags::sndmore);
    commands_.send(zmq::buffer(buffer_), zmq::send_flags::none);
  }
  /// Until there is something to read.
  void wait(std::chrono::milliseconds timeout) {
    std::array<zmq::pollitem_t, 2> items{
        {{commands_.handle(), 0, ZMQ_POLLIN, 0}, {events_.handle(), 0, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(), timeout);
  }
  std::optional<v1::Reply> reply(std::chrono::milliseconds timeout) {
    zmq::pollitem_t item{commands_.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, timeout) == 0) return std::nullopt;
    zmq::message_t part;
    do {
      if (!commands_.recv(part, zmq::recv_flags::none)) return std::nullopt;
    } while (part.more());
    v1::Reply out;
    if (!parse_payload(part.to_string_view(), out)) return std::nullopt;
    return out;
  }
  std::optional<v1::Envelope> event(std::chrono::milliseconds timeout) {
    zmq::pollitem_t item{events_.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, timeout) == 0) return std::nullopt;
    zmq::message_t topic;
    zmq::message_t payload;
    if (!events_.recv(topic, zmq::recv_flags::none) ||
        !events_.recv(payload, zmq::recv_flags::none))
      return std::nullopt;
    v1::Envelope out;
    out.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
    return out;
  }

 private:
  zmq::socket_t commands_;
  zmq::socket_t events_;
  std::string buffer_;
};

/// A resting bid far enough below the market not to fill, near enough for the price collar.
std::optional<Price> resting_price(zmq::context_t& context, const Settings& settings) {
  zmq::socket_t books(context, zmq::socket_type::sub);
  books.set(zmq::sockopt::linger, 0);
  books.set(zmq::sockopt::subscribe, fmt::format("pb.md.hyperliquid.bbo.{}", kPair));
  books.connect(settings.marketstream.events);
  zmq::pollitem_t item{books.handle(), 0, ZMQ_POLLIN, 0};
  if (zmq::poll(&item, 1, 5000ms) == 0) return std::nullopt;
  zmq::message_t topic;
  zmq::message_t payload;
  if (!books.recv(topic, zmq::recv_flags::none) || !books.recv(payload, zmq::recv_flags::none))
    return std::nullopt;
  v1::Envelope envelope;
  envelope.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
  const auto bid = to_wide_decimal(envelope.bbo().bid_price());
  if (!bid) return std::nullopt;
  // 5 % below, rounded down to a multiple of 10: on the tick of any price below a million.
  const auto scaled = multiply(*bid, WideDecimal::of(95, -2));
  if (!scaled) return std::nullopt;
  const auto narrowed = narrow(round_half_even(*scaled, 0));
  if (!narrowed) return std::nullopt;
  const auto rounded = round_down_to(*narrowed, Decimal(10));
  if (!rounded) return std::nullopt;
  return Price{*rounded};
}

v1::Command place(const std::string& id, Price price) {
  v1::Command command;
  command.set_type("place");
  command.set_request_id(id);
  auto& order = *command.mutable_order();
  order.set_client_order_id(id);
  order.set_account("main");
  order.set_trading_pair(std::string(kPair));
  order.set_trade_type("BUY");
  order.set_order_type("LIMIT");
  order.set_time_in_force("GTC");
  set_decimal(price, *order.mutable_price());
  set_decimal(Decimal::of(1, -3), *order.mutable_amount());
  return command;
}

v1::Command cancel(const std::string& id) {
  v1::Command command;
  command.set_type("cancel");
  command.set_request_id("c-" + id);
  command.set_client_order_id(id);
  command.set_account("main");
  return command;
}

bool is_final(const v1::Envelope& envelope) {
  const auto& type = envelope.event_type();
  return type == "order_filled" || type == "order_cancelled" || type == "order_failed";
}

/// One order at a time, in turns of `kTurn`: place, wait for `created`. The bare paths take turns
/// with it, so that all see the same minutes of the machine; a turn's orders are cancelled after
/// it.
class RoundTrips {
 public:
  RoundTrips(Client& client, Price price, std::string run, std::ostream& out)
      : client_(client), price_(price), prefix_(std::move(run) + "-rt"), out_(out) {}

  bool run(int count, BarePaths& bare) {
    for (int turn = 0; turn * kTurn < count; ++turn) {
      bare.run(kTurn);
      const int orders = std::min(kTurn, count - turn * kTurn);
      for (int i = 0; i < orders; ++i) {
        if (!place_one(fmt::format("{}-{}-{}", prefix_, turn, i))) return false;
      }
      if (!cancel_turn(turn, orders)) return false;
    }
    print(bare);
    return true;
  }

 private:
  bool place_one(const std::string& id) {
    const auto sent = monotonic_now();
    client_.send(place(id, price_));
    const auto reply = client_.reply(5000ms);
    returned_.add((monotonic_now() - sent).count());
    if (!reply || reply->status() != "ACCEPTED") {
      fmt::print(out_, "place {}: {}\n", id,
                 reply ? reply->code() + " " + reply->reason() : "no reply");
      return false;
    }
    for (;;) {
      const auto event = client_.event(5000ms);
      if (!event) {
        fmt::print(out_, "order {}: no event within 5 s\n", id);
        return false;
      }
      if (event->order().client_order_id() != id) continue;
      if (event->event_type() == "order_created") {
        round_trip_.add((monotonic_now() - sent).count());
        const auto& stamps = event->order().stamps();
        to_wire_.add(stamps.sent() - stamps.command_received());
        deciding_.add(stamps.decided() - stamps.command_received());
        signing_.add(stamps.signed_() - stamps.decided());
        sending_.add(stamps.sent() - stamps.signed_());
        return true;
      }
      if (is_final(*event)) {
        fmt::print(out_, "order {}: {} {}\n", id, event->event_type(),
                   event->order().failure().reason());
        return false;
      }
    }
  }

  bool cancel_turn(int turn, int orders) {
    v1::Command command;
    command.set_type("cancel_batch");
    command.set_request_id(fmt::format("{}-c-{}", prefix_, turn));
    for (int i = 0; i < orders; ++i) {
      auto& one = *command.add_cancels();
      one.set_client_order_id(fmt::format("{}-{}-{}", prefix_, turn, i));
      one.set_account("main");
    }
    client_.send(command);
    client_.reply(5000ms);
    for (int ended = 0; ended < orders;) {
      const auto event = client_.event(5000ms);
      if (!event) {
        fmt::print(out_, "turn {}: {} of {} orders cancelled within 5 s\n", turn, ended, orders);
        return false;
      }
      if (event->order().client_order_id().starts_with(prefix_) && is_final(*event)) ++ended;
    }
    return true;
  }

  void print(BarePaths& bare) {
    returned_.print(out_, "place.return", {500, 990, 999});
    to_wire_.print(out_, "place.to_wire", {500, 990, 999});
    deciding_.print(out_, "place.decide", {500, 990});
    signing_.print(out_, "place.sign", {500, 990});
    sending_.print(out_, "place.send", {500, 990});
    round_trip_.print(out_, "order.round_trip", {500, 990, 999});
    bare.print(out_);
    // Both write to plain sockets: the simulator speaks no TLS.
    for (const int p : {500, 990}) {
      fmt::print(out_, "RESULT place.to_wire_by_bare_{}.product permille {}\n",
                 p == 500 ? "p50" : "p99", to_wire_.at(p) * 1'000 / bare.plain.at(p));
    }
  }

  Client& client_;
  Price price_;
  std::string prefix_;
  std::ostream& out_;
  Samples returned_;
  Samples to_wire_;
  Samples deciding_;
  Samples signing_;
  Samples sending_;
  Samples round_trip_;
};

/// `rate` orders a second for `seconds` in commands of `batch` orders, each batch cancelled once
/// all its orders are created. Every order must be created and cancelled exactly once.
class Sustained {
 public:
  Sustained(Client& client, Price price, std::string run, const SuiteBenchOptions& options,
            bool coalesced)
      : client_(client),
        price_(price),
        prefix_(std::move(run)),
        options_(options),
        name_(coalesced            ? "orders.coalesced"
              : options.batch == 1 ? "orders.sustained"
                                   : fmt::format("orders.batched_{}", options.batch)) {}

  /// False: an order was lost or doubled.
  bool run(std::ostream& out) {
    const int batches = options_.rate * options_.seconds / options_.batch;
    const Nanos step{1'000'000'000LL * options_.batch / options_.rate};
    const int total = batches * options_.batch;
    int sent = 0;
    const auto begin = monotonic_now();
    last_progress_ = begin;
    while (static_cast<int>(finished_.size()) + refused_ < total) {
      const auto now = monotonic_now();
      if (sent < batches && now >= begin + step * sent) {
        place_batch(sent++);
        last_progress_ = now;
      }
      while (const auto reply = client_.reply(0ms)) take_reply(*reply, out);
      while (const auto event = client_.event(0ms)) take_event(*event);
      if (monotonic_now() - last_progress_ > 10s) break;
      // A wait on sockets counts in milliseconds: shorter ones are naps.
      const Nanos left = sent == batches ? 1ms : begin + step * sent - monotonic_now();
      if (left >= 1ms) {
        client_.wait(1ms);
      } else if (left > Nanos{0}) {
        std::this_thread::sleep_for(std::min<Nanos>(left, 50us));
      }
    }
    return print(total, monotonic_now() - begin, out);
  }

 private:
  [[nodiscard]] std::string id_of(int batch, int index) const {
    return fmt::format("{}-{}-{}", prefix_, batch, index);
  }

  void place_batch(int number) {
    v1::Command command;
    if (options_.batch == 1) {
      command = place(id_of(number, 0), price_);
    } else {
      command.set_type("place_batch");
      for (int i = 0; i < options_.batch; ++i)
        command.add_orders()->Swap(place(id_of(number, i), price_).mutable_order());
    }
    command.set_request_id(fmt::format("p-{}", number));
    places_.emplace(command.request_id(), monotonic_now());
    client_.send(command);
  }

  void cancel_batch(int number) {
    v1::Command command;
    if (options_.batch == 1) {
      command = cancel(id_of(number, 0));
    } else {
      command.set_type("cancel_batch");
      for (int i = 0; i < options_.batch; ++i) {
        auto& one = *command.add_cancels();
        one.set_client_order_id(id_of(number, i));
        one.set_account("main");
      }
    }
    command.set_request_id(fmt::format("c-{}", number));
    client_.send(command);
  }

  void take_reply(const v1::Reply& reply, std::ostream& out) {
    const auto place = places_.find(reply.request_id());
    if (place == places_.end()) return;  // of a cancel: its event tells
    returned_.add((monotonic_now() - place->second).count());
    places_.erase(place);
    const auto count = [&](const v1::Reply& one) {
      if (one.status() == "ACCEPTED") return;
      if (refused_++ == 0) fmt::print(out, "first refusal: {} {}\n", one.code(), one.reason());
    };
    if (reply.results().empty()) count(reply);
    for (const auto& one : reply.results()) count(one);
  }

  void take_event(const v1::Envelope& event) {
    const std::string_view id = event.order().client_order_id();
    if (!id.starts_with(prefix_ + "-")) return;
    last_progress_ = monotonic_now();
    if (event.event_type() == "order_created") {
      if (++created_[std::string(id)] > 1) return;
      const auto rest = id.substr(prefix_.size() + 1);
      const int number = std::stoi(std::string(rest.substr(0, rest.find('-'))));
      if (++created_of_[number] == options_.batch) cancel_batch(number);
    } else if (is_final(event)) {
      ++finished_[std::string(id)];
    }
  }

  bool print(int total, Nanos took, std::ostream& out) {
    int doubled = 0;
    for (const auto& [id, count] : created_) doubled += count > 1 ? 1 : 0;
    for (const auto& [id, count] : finished_) doubled += count > 1 ? 1 : 0;
    const int lost = total - refused_ - static_cast<int>(finished_.size());
    const std::string& name = name_;
    fmt::print(out, "RESULT {}.product 1/s {}\n", name,
               static_cast<std::int64_t>(created_.size()) * 1'000'000'000 / took.count());
    fmt::print(out, "RESULT {}_lost.product count {}\n", name, lost);
    fmt::print(out, "RESULT {}_doubled.product count {}\n", name, doubled);
    fmt::print(out, "RESULT {}_refused.product count {}\n", name, refused_);
    returned_.print(out, name + "_return", {500, 990, 999});
    return lost == 0 && doubled == 0;
  }

  Client& client_;
  Price price_;
  std::string prefix_;
  SuiteBenchOptions options_;
  std::string name_;
  std::map<std::string, int> created_;
  std::map<std::string, int> finished_;
  std::map<int, int> created_of_;  // orders created of each batch
  std::map<std::string, Nanos> places_;
  Samples returned_;
  int refused_ = 0;
  Nanos last_progress_{0};
};

void market_data(zmq::context_t& context, const Settings& settings, int seconds,
                 std::ostream& out) {
  zmq::socket_t books(context, zmq::socket_type::sub);
  books.set(zmq::sockopt::linger, 0);
  books.set(zmq::sockopt::subscribe, "pb.md.hyperliquid.book.");
  books.connect(settings.marketstream.events);
  Samples samples;
  bool warm = false;
  const auto end = monotonic_now() + std::chrono::seconds(seconds);
  while (monotonic_now() < end) {
    zmq::pollitem_t item{books.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, 100ms) == 0) {
      warm = true;  // last values come in one burst at the beginning and are old by nature
      continue;
    }
    zmq::message_t topic;
    zmq::message_t payload;
    if (!books.recv(topic, zmq::recv_flags::none) || !books.recv(payload, zmq::recv_flags::none))
      continue;
    const auto now = wall_clock_now();
    v1::Envelope envelope;
    envelope.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
    if (warm) samples.add(now.value() - envelope.book().receive_timestamp());
  }
  samples.print(out, "md.frame_to_subscriber", {500, 990});
  fmt::print(out, "RESULT md.books_seen.product count {}\n", samples.size());
}

/// By process name.
std::map<std::string, std::string> pids(const Settings& settings) {
  std::map<std::string, std::string> found;
  for (const auto* process : {"order-gateway", "marketstream", "signer", "risk", "persister"}) {
    std::ifstream lock(settings.data_dir / process_folder(process, "main") / "lock");
    std::string pid;
    if (std::getline(lock, pid)) found.emplace(process, pid);
  }
  return found;
}

void memory(const Settings& settings, std::ostream& out) {
  for (const auto& [process, pid] : pids(settings)) {
    std::ifstream status("/proc/" + pid + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmRSS:", 0) == 0) {
        fmt::print(out, "RESULT memory.{}.product bytes {}\n", process,
                   std::stoll(line.substr(6)) * 1024);
      }
    }
  }
}

/// Processor time of each process so far, in clock ticks (proc(5), stat: fields 14 and 15).
std::map<std::string, std::int64_t> ticks(const Settings& settings) {
  std::map<std::string, std::int64_t> used;
  for (const auto& [process, pid] : pids(settings)) {
    std::ifstream stat("/proc/" + pid + "/stat");
    std::string text;
    std::getline(stat, text);
    std::istringstream fields(text.substr(text.rfind(')') + 2));  // a name may hold blanks
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    std::int64_t user = 0;
    std::int64_t kernel = 0;
    if (fields >> user >> kernel) used[process] = user + kernel;
  }
  return used;
}

void processor_time(const Settings& settings, const std::map<std::string, std::int64_t>& before,
                    int orders, std::ostream& out) {
  for (const auto& [process, now] : ticks(settings)) {
    const auto was = before.find(process);
    if (was == before.end() || orders == 0) continue;
    fmt::print(out, "RESULT cpu.{}.product us {}\n", process,
               (now - was->second) * 1'000'000 / ::sysconf(_SC_CLK_TCK) / orders);
  }
}

}  // namespace

bool run_suite_bench(const Settings& settings, const SuiteBenchOptions& options,
                     std::ostream& out) {
  BarePaths bare;  // before any thread: it forks
  zmq::context_t context;
  const auto price = resting_price(context, settings);
  if (options.batch < 1 || options.rate < 1) {
    fmt::print(out, "--batch and --rate: expected at least 1\n");
    return false;
  }
  if (!price) {
    fmt::print(out, "no bbo of {} within 5 s\n", kPair);
    return false;
  }
  Client client(context, settings);
  std::this_thread::sleep_for(
      300ms);  // the subscription must be at the publisher before the first order
  const auto run = fmt::format("bench-{}", wall_clock_now().millis());
  bool good = RoundTrips(client, *price, run, out).run(options.round_trips, bare);
  const auto before = ticks(settings);
  const bool coalesced = settings.order_gateway.coalesce_window > Nanos{0};
  good = good && Sustained(client, *price, run + "-s", options, coalesced).run(out);
  processor_time(settings, before, options.rate * options.seconds, out);
  market_data(context, settings, options.market_data_seconds, out);
  memory(settings, out);
  return good;
}

}  // namespace perpwire::bench
