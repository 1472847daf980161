#include "libs/common/bus_subscriber.hpp"

#include "libs/common/backoff.hpp"
#include "libs/common/contract_json.hpp"
#include "libs/common/delta_repair.hpp"
#include "libs/common/hello.hpp"
#include "libs/common/pages.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

namespace perpwire {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kProtobufPrefix = "pb.";
constexpr std::string_view kHeartbeatPrefix = "hb.";
constexpr std::string_view kStreamPrefix = "stream.";
constexpr std::chrono::milliseconds kStaleCheck{250};

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

/// The topics that a subscriber wants: ZeroMQ's prefixes are only the first sieve.
class TopicFilter {
 public:
  void add(const std::string& topic) {
    if (topic.empty()) {
      all_ = true;
    } else if (topic.back() == '.') {
      prefixes_.insert(topic);
    } else {
      whole_.insert(topic);
    }
  }
  void remove(const std::string& topic) {
    prefixes_.erase(topic);
    whole_.erase(topic);
  }
  [[nodiscard]] bool wants(std::string_view topic) const {
    return all_ || whole_.find(topic) != whole_.end() ||
           std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const auto& prefix) { return starts_with(topic, prefix); });
  }

 private:
  bool all_ = false;
  std::set<std::string, std::less<>> whole_;
  std::set<std::string, std::less<>> prefixes_;
};

BusEvent to_event(std::string_view topic, std::shared_ptr<const v1::Envelope> envelope) {
  BusEvent event;
  event.topic = topic;
  event.stream = envelope->stream();
  event.sequence = envelope->sequence();
  event.topic_sequence = envelope->topic_sequence();
  event.envelope = std::move(envelope);
  return event;
}

}  // namespace

struct BusSubscriber::Impl : std::enable_shared_from_this<BusSubscriber::Impl> {
  Impl(asio::io_context& context, zmq::context_t& zmq, BusSubscriberConfig with,
       BusSubscriberHandlers to)
      : io(context),
        config(std::move(with)),
        handlers(std::move(to)),
        socket(io, zmq, SocketType::kSub, socket_options(config)),
        stale_timer(io),
        retry_timer(io),
        page_backoff({.base = std::chrono::milliseconds(100),
                      .cap = std::chrono::seconds(2),
                      .seed = random_seed()}),
        tracker(config.start),
        delivered(config.start),
        request_prefix(fmt::format("{:x}", random_seed())) {
    if (complete() && config.requests_endpoint.empty()) {
      throw ConfigError(
          fmt::format("subscriber of {}: expected an endpoint of its replay pages, found none",
                      config.endpoint));
    }
    if (!config.requests_endpoint.empty()) {
      requests = std::make_unique<RequestClient>(io, zmq, requests_config());
    }
    if (auto connected = socket.connect(config.endpoint); !connected) {
      throw ConfigError(connected.error().text);
    }
    if (config.topics.empty()) filter.add("");
    for (const auto& topic : config.topics) filter.add(topic);
  }

  static SocketOptions socket_options(const BusSubscriberConfig& config) {
    SocketOptions options;
    options.receive_high_water_mark = config.receive_high_water_mark;
    return options;
  }

  RequestClientConfig requests_config() {
    RequestClientConfig out;
    out.endpoint = config.requests_endpoint;
    out.curve = config.requests_curve;
    out.reply_kind = ReplyKind::kPage;
    if (config.process.empty()) return out;
    const auto ours = own_hello(config.process, config.instance);
    v1::PageRequest hello;
    hello.set_type("hello");
    hello.set_request_id("hello-" + request_prefix);
    *hello.mutable_hello() = ours;
    out.hello = encode_message(hello, !config.protobuf);
    out.hello_request_id = hello.request_id();
    out.accept_hello = [ours](const std::vector<std::string>& parts) -> Status {
      v1::PageReply reply;
      if (auto parsed = parse_payload(parts.front(), reply); !parsed) return parsed;
      if (reply.status() != "OK") return fail(ErrorCode::kVersionMismatch, reply.reason());
      return check_hello(reply.hello(), ours, {});
    };
    return out;
  }

  [[nodiscard]] bool complete() const { return config.mode == SubscriberMode::kComplete; }
  [[nodiscard]] std::string wire_topic(std::string_view topic) const {
    return config.protobuf ? std::string(kProtobufPrefix) + std::string(topic) : std::string(topic);
  }

  void start() {
    socket.start([this](ZmqSocket::Message& message) { on_message(message); });
    if (complete()) {
      // All topics, so that `sequence` has no holes of its own.
      join("");
      StreamGapTracker::Actions actions;
      tracker.on_suspicion(actions);
      apply(std::move(actions));
    } else {
      join(kHeartbeatPrefix);
      if (config.topics.empty()) join("");
      for (const auto& topic : config.topics) subscribe(topic);
    }
    check_stale();
  }

  void join(std::string_view topic) {
    ignore(socket.subscribe(wire_topic(topic)), "a SUB socket takes any prefix");
  }

  void subscribe(const std::string& topic) {
    filter.add(topic);
    join(topic);
    if (topic_channel(topic) == "delta" && topic.back() != '.') {
      DeltaRepair::Actions actions;
      repairs[topic].start(actions);
      apply(topic, actions);
    }
  }

  void unsubscribe(const std::string& topic) {
    filter.remove(topic);
    repairs.erase(topic);
    ignore(socket.unsubscribe(wire_topic(topic)), "a SUB socket takes any prefix");
  }

  // ---- what comes in ----

  void on_message(ZmqSocket::Message& message) {
    ++counts.received;
    const auto keep = shared_from_this();
    if (message.size() != 2) {
      ++counts.malformed;
      return;
    }
    auto topic = message[0].view();
    const bool is_protobuf = starts_with(topic, kProtobufPrefix);
    if (is_protobuf != config.protobuf) return;  // "" catches the other encoding too
    if (is_protobuf) topic.remove_prefix(kProtobufPrefix.size());
    const bool is_beat = starts_with(topic, kHeartbeatPrefix);
    if (!is_beat && !complete() && !filter.wants(topic)) {
      ++counts.other_topics;
      return;
    }
    auto envelope = std::make_shared<v1::Envelope>();
    if (!parse_payload(message[1].view(), *envelope)) {
      ++counts.malformed;
      return;
    }
    if (is_beat) {
      on_heartbeat(*envelope);
    } else if (envelope->sequence() == 0 || envelope->topic_sequence() == 0 ||
               envelope->stream().empty()) {
      ++counts.malformed;
    } else if (complete()) {
      StreamGapTracker::Actions actions;
      tracker.on_event(to_event(topic, std::move(envelope)), actions);
      apply(std::move(actions));
    } else {
      on_latest(to_event(topic, std::move(envelope)));
    }
  }

  void on_latest(BusEvent event) {
    if (topic_channel(event.topic) == "delta" && requests != nullptr) {
      const std::string topic = event.topic;
      DeltaRepair::Actions actions;
      const auto missed = repairs[topic].on_delta(std::move(event), actions);
      if (missed > 0) lost(topic, missed);
      apply(topic, actions);
      return;
    }
    const auto verdict = topics.on_event(event.topic, event.stream, event.topic_sequence);
    if (verdict.kind == TopicGapTracker::Verdict::Kind::kDuplicate) return;
    if (verdict.missed > 0) lost(event.topic, verdict.missed);
    deliver(event);
  }

  void lost(std::string_view what, std::uint64_t count) {
    ++counts.gaps;
    counts.missed += count;
    if (handlers.on_lost && !stopped) handlers.on_lost(what, count);
  }

  void on_heartbeat(const v1::Envelope& envelope) {
    if (!envelope.has_heartbeat()) {
      ++counts.malformed;
      return;
    }
    const auto& beat = envelope.heartbeat();
    const UnixNanos timestamp{envelope.timestamp()};
    const bool silent = monitor.on_heartbeat(timestamp, monotonic_now());
    update_stale();
    if (handlers.on_heartbeat && !stopped) handlers.on_heartbeat(beat, timestamp);
    if (stopped) return;
    if (complete()) {
      StreamGapTracker::Actions actions;
      tracker.on_heartbeat(beat.stream(), beat.newest_sequence(), actions);
      if (silent) tracker.on_suspicion(actions);
      apply(std::move(actions));
    } else if (requests != nullptr && !beat.topics().empty()) {
      const std::map<std::string, std::uint64_t> newest(beat.topics().begin(), beat.topics().end());
      for (const auto& topic : topics.behind(beat.stream(), newest)) {
        if (keeps_last_value(topic)) ask_snapshot(topic);
      }
    }
  }

  void check_stale() {
    update_stale();
    if (stopped) return;
    stale_timer.expires_after(kStaleCheck);
    stale_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->check_stale();
    });
  }

  void update_stale() {
    const bool now = monitor.stale(wall_clock_now(), monotonic_now());
    if (was_stale == now) return;
    was_stale = now;
    if (handlers.on_stale && !stopped) handlers.on_stale(now);
  }

  void deliver(const BusEvent& event) {
    if (stopped) return;  // a handler that came before destroyed the subscriber
    ++counts.delivered;
    if (handlers.on_event) handlers.on_event(event.topic, *event.envelope);
  }

  // ---- kComplete: pages ----

  void apply(StreamGapTracker::Actions actions) {
    const auto keep = shared_from_this();
    for (auto& action : actions) {
      if (const auto* event = std::get_if<StreamGapTracker::Deliver>(&action)) {
        delivered = {.stream = event->event.stream, .next_sequence = event->event.sequence + 1};
        if (filter.wants(event->event.topic)) deliver(event->event);
      } else if (const auto* loss = std::get_if<StreamGapTracker::Lost>(&action)) {
        const auto count = loss->to >= loss->from ? loss->to - loss->from + 1 : 0;
        counts.lost += count;
        if (handlers.on_lost) handlers.on_lost(loss->stream, count);
      } else if (const auto* ask = std::get_if<StreamGapTracker::AskPage>(&action)) {
        ask_page(*ask);
      }
      if (stopped) return;
    }
    delivered = tracker.position();
  }

  void ask_page(const StreamGapTracker::AskPage& ask) {
    ++counts.pages;
    v1::PageRequest request;
    request.set_type("replay");
    request.set_stream(ask.stream);
    request.set_from_sequence(ask.from_sequence);
    request.set_limit(ask.limit);
    for (const auto& topic : config.topics) request.add_topics(topic);
    if (!config.topics.empty()) request.add_topics(std::string(kStreamPrefix));
    send(request, [this](Result<RequestClient::Reply> reply) {
      const auto keep = shared_from_this();
      StreamGapTracker::Actions actions;
      if (!on_page(std::move(reply), actions)) {
        ++counts.page_errors;
        tracker.on_page_failed();
      } else if (!tracker.waiting()) {
        page_backoff.reset();
      }
      apply(std::move(actions));
      if (!stopped && tracker.waiting()) retry_later();
    });
  }

  /// False if the answer is none.
  bool on_page(Result<RequestClient::Reply> reply, StreamGapTracker::Actions& actions) {
    v1::PageReply head;
    if (!reply || !parse_payload(reply->front(), head)) return false;
    if (head.type() == "replay_error" && head.code() == "NOT_KEPT") {
      tracker.on_not_kept(head.first_sequence(), actions);
      return true;
    }
    if (head.type() == "replay_error" && head.code() == "UNKNOWN_STREAM") {
      tracker.on_unknown_stream(actions);
      return true;
    }
    std::vector<BusEvent> events;
    if (head.type() != "replay_page" || !parse_events(*reply, events)) return false;
    tracker.on_page(std::move(events), head.next_sequence(), head.last_sequence(), actions);
    return true;
  }

  static bool parse_events(const RequestClient::Reply& reply, std::vector<BusEvent>& events) {
    if (reply.size() % 2 == 0) return false;
    for (std::size_t i = 1; i < reply.size(); i += 2) {
      auto envelope = std::make_shared<v1::Envelope>();
      if (!parse_payload(reply[i + 1], *envelope)) return false;
      events.push_back(to_event(reply[i], std::move(envelope)));
    }
    return true;
  }

  void retry_later() {
    retry_timer.expires_after(page_backoff.next());
    retry_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr) return;
      StreamGapTracker::Actions actions;
      self->tracker.retry(actions);
      self->apply(std::move(actions));
    });
  }

  void send(v1::PageRequest& request, std::function<void(Result<RequestClient::Reply>)> done) {
    request.set_request_id(fmt::format("{}-{}", request_prefix, ++requests_made));
    requests->request(request.request_id(), encode_message(request, !config.protobuf),
                      config.page_timeout, std::move(done));
  }

  // ---- kLatest: snapshots ----

  void apply(const std::string& topic, const DeltaRepair::Actions& actions) {
    const auto keep = shared_from_this();
    for (const auto& action : actions) {
      if (const auto* event = std::get_if<DeltaRepair::Deliver>(&action)) {
        deliver(event->event);
      } else {
        ask_snapshot(topic);
      }
      if (stopped) return;
    }
  }

  void ask_snapshot(const std::string& topic) {
    if (requests == nullptr || !asked.insert(topic).second) return;
    ++counts.pages;
    v1::PageRequest request;
    request.set_type("snapshot");
    request.add_topics(topic);
    send(request, [this, topic](Result<RequestClient::Reply> reply) {
      const auto keep = shared_from_this();
      asked.erase(topic);
      v1::PageReply head;
      std::vector<BusEvent> events;
      const bool good = reply && parse_payload(reply->front(), head) &&
                        head.type() == "snapshot_page" && parse_events(*reply, events) &&
                        events.size() == 1 && events.front().topic == topic;
      if (!filter.wants(topic)) return;
      if (good) {
        page_backoff.reset();
        on_snapshot(topic, std::move(events.front()));
        return;
      }
      ++counts.page_errors;
      snapshot_failed(topic);
    });
  }

  void on_snapshot(const std::string& topic, BusEvent event) {
    const auto repair = repairs.find(topic);
    if (repair == repairs.end()) {
      on_latest(std::move(event));
      return;
    }
    DeltaRepair::Actions actions;
    repair->second.on_snapshot(std::move(event), actions);
    apply(topic, actions);
  }

  /// The next heartbeat asks again for topics that are no books.
  void snapshot_failed(const std::string& topic) {
    const auto repair = repairs.find(topic);
    if (repair == repairs.end()) return;
    repair->second.on_snapshot_failed();
    auto timer = std::make_shared<asio::steady_timer>(io, page_backoff.next());
    timer->async_wait([weak = weak_from_this(), timer, topic](const boost::system::error_code&) {
      const auto self = weak.lock();
      if (self == nullptr) return;
      const auto at = self->repairs.find(topic);
      if (at == self->repairs.end()) return;
      DeltaRepair::Actions actions;
      at->second.retry(actions);
      self->apply(topic, actions);
    });
  }

  asio::io_context& io;
  BusSubscriberConfig config;
  BusSubscriberHandlers handlers;
  ZmqSocket socket;
  std::unique_ptr<RequestClient> requests;
  asio::steady_timer stale_timer;
  asio::steady_timer retry_timer;
  Backoff page_backoff;
  TopicFilter filter;
  HeartbeatMonitor monitor;
  bool was_stale = true;
  StreamGapTracker tracker;
  std::optional<StreamPosition> delivered;
  TopicGapTracker topics;
  std::map<std::string, DeltaRepair, std::less<>> repairs;
  std::set<std::string, std::less<>> asked;
  std::string request_prefix;
  std::uint64_t requests_made = 0;
  BusSubscriberCounters counts;
  bool stopped = false;
};

BusSubscriber::BusSubscriber(asio::io_context& io, zmq::context_t& context,
                             BusSubscriberConfig config, BusSubscriberHandlers handlers)
    : impl_(std::make_shared<Impl>(io, context, std::move(config), std::move(handlers))) {
  impl_->start();
}

BusSubscriber::~BusSubscriber() {
  impl_->stopped = true;
  impl_->stale_timer.cancel();
  impl_->retry_timer.cancel();
}

void BusSubscriber::subscribe(const std::string& topic) { impl_->subscribe(topic); }
void BusSubscriber::unsubscribe(const std::string& topic) { impl_->unsubscribe(topic); }

bool BusSubscriber::stale() const {
  return impl_->monitor.stale(wall_clock_now(), monotonic_now());
}

std::optional<StreamPosition> BusSubscriber::position() const { return impl_->delivered; }
bool BusSubscriber::in_step() const { return impl_->tracker.in_step(); }

BusSubscriberCounters BusSubscriber::counters() const {
  auto counts = impl_->counts;
  if (impl_->complete()) {
    counts.duplicates = impl_->tracker.counters().duplicates;
    counts.gaps = impl_->tracker.counters().gaps;
  } else {
    counts.duplicates = impl_->topics.duplicates();
    for (const auto& [topic, repair] : impl_->repairs) counts.duplicates += repair.duplicates();
  }
  return counts;
}

}  // namespace perpwire
