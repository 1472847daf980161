#include "libs/common/bus_publisher.hpp"

#include "libs/common/bus_publisher_core.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>

namespace perpwire {
namespace {

namespace asio = boost::asio;

BusPublisherCore::Clock clock_now() {
  return {.wall = wall_clock_now(), .monotonic = monotonic_now()};
}

SocketOptions socket_options(const BusPublisherConfig& config) {
  SocketOptions options;
  options.send_high_water_mark = config.send_high_water_mark;
  options.max_message_bytes = 4'096;  // subscriptions are all that comes in
  options.xpub_verbose = true;
  options.linger_ms = 100;  // what was published before a stop still leaves
  return options;
}

}  // namespace

struct BusPublisher::Impl : std::enable_shared_from_this<BusPublisher::Impl> {
  Impl(asio::io_context& io, zmq::context_t& context, const BusPublisherConfig& config)
      : settings(config),
        socket(io, context, SocketType::kXPub, socket_options(config)),
        core(config, make_stream_id(config.process, config.instance),
             [this](std::string_view topic, std::string_view payload) {
               const std::array parts{topic, payload};
               if (!socket.send(parts)) ++core.counters().send_errors;
             }),
        heartbeat_timer(io),
        pace_timer(io) {
    auto bound = socket.bind(config.endpoint);
    if (!bound) throw ConfigError(bound.error().text);
    endpoint = *bound;
  }

  void start() {
    socket.start([this](ZmqSocket::Message& message) { on_subscription(message); });
    schedule_heartbeat(std::chrono::steady_clock::now());
  }

  /// One part: 1 or 0, then the prefix (zmq_socket(3), ZMQ_XPUB). Anything else is no subscription.
  void on_subscription(ZmqSocket::Message& message) {
    const auto frame = message.front().view();
    if (message.size() != 1 || frame.empty()) return;
    if (frame.front() == '\1') core.on_subscribe(frame.substr(1));
    if (frame.front() == '\0') core.on_unsubscribe(frame.substr(1));
  }

  void schedule_heartbeat(std::chrono::steady_clock::time_point at) {
    heartbeat_timer.expires_at(at);
    heartbeat_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr) return;
      self->core.beat(self->filler, clock_now());
      // On the grid while the loop keeps up; no burst of beats after it was held up.
      const auto next = self->heartbeat_timer.expiry() + self->settings.heartbeat_interval;
      self->schedule_heartbeat(std::max(next, std::chrono::steady_clock::now()));
    });
  }

  void schedule_flush(Nanos at) {
    if (pace_due && *pace_due <= at) return;
    pace_due = at;
    pace_timer.expires_after(std::max(Nanos{0}, at - monotonic_now()));
    pace_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr) return;
      self->pace_due.reset();
      if (const auto next = self->core.flush_due(clock_now())) self->schedule_flush(*next);
    });
  }

  BusPublisherConfig settings;
  ZmqSocket socket;
  BusPublisherCore core;
  std::function<void(v1::Heartbeat&)> filler;
  asio::steady_timer heartbeat_timer;
  asio::steady_timer pace_timer;
  std::optional<Nanos> pace_due;
  std::string endpoint;
};

BusPublisher::BusPublisher(asio::io_context& io, zmq::context_t& context,
                           const BusPublisherConfig& config)
    : impl_(std::make_shared<Impl>(io, context, config)) {
  impl_->start();
}

BusPublisher::~BusPublisher() = default;

std::optional<EventNumbers> BusPublisher::publish(std::string_view topic, v1::Envelope& envelope) {
  const auto now = clock_now();
  auto numbers = impl_->core.publish(topic, envelope, now);
  if (!numbers) {
    if (const auto due = impl_->core.flush_due(now)) impl_->schedule_flush(*due);
  }
  return numbers;
}

void BusPublisher::publish_numbered(std::string_view topic, const v1::Envelope& envelope,
                                    std::string_view encoded) {
  impl_->core.publish_numbered(topic, envelope, encoded, clock_now());
}

void BusPublisher::restore_last_value(std::string_view topic, const v1::Envelope& envelope) {
  impl_->core.restore_last_value(topic, envelope);
}

const v1::Envelope* BusPublisher::last_value(std::string_view topic) const {
  return impl_->core.last_value(topic);
}

void BusPublisher::set_heartbeat_filler(std::function<void(v1::Heartbeat&)> filler) {
  impl_->filler = std::move(filler);
}

void BusPublisher::follow_stream(std::string stream, std::uint64_t newest_sequence) {
  impl_->core.follow_stream(std::move(stream), newest_sequence);
}

void BusPublisher::beat() { impl_->core.beat(impl_->filler, clock_now()); }

const std::string& BusPublisher::endpoint() const { return impl_->endpoint; }
const std::string& BusPublisher::stream() const { return impl_->core.stream(); }
std::uint64_t BusPublisher::newest_sequence() const { return impl_->core.newest_sequence(); }
const BusPublisherCounters& BusPublisher::counters() const { return impl_->core.counters(); }
bool BusPublisher::has_subscriber(std::string_view topic) const {
  return impl_->core.has_subscriber(topic);
}

}  // namespace perpwire
