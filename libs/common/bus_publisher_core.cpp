#include "libs/common/bus_publisher_core.hpp"

#include "libs/common/assert.hpp"
#include "libs/common/build_info.hpp"
#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"

#include <algorithm>

namespace perpwire {
namespace {

constexpr std::string_view kProtobufPrefix = "pb.";

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

// ---- SubscriptionSet ----

void SubscriptionSet::add(std::string_view prefix) {
  ++generation_;
  if (prefixes_.size() >= kMaxPrefixes) {
    overflowed_ = true;
    return;
  }
  prefixes_.emplace(prefix);
}

void SubscriptionSet::remove(std::string_view prefix) {
  ++generation_;
  const auto at = prefixes_.find(prefix);
  if (at != prefixes_.end()) prefixes_.erase(at);
}

bool SubscriptionSet::matches(std::string_view topic) const {
  if (overflowed_) return true;
  if (prefixes_.empty()) return false;
  for (std::size_t length = 0; length <= topic.size(); ++length) {
    if (prefixes_.find(topic.substr(0, length)) != prefixes_.end()) return true;
  }
  return false;
}

// ---- BusPublisherCore ----

/// The newest event of a topic, and its encodings once they were made: a re-send has the same
/// bytes.
struct BusPublisherCore::LastValue {
  v1::Envelope envelope;
  std::string json;
  std::string protobuf;
};

struct BusPublisherCore::Topic {
  std::string name;
  std::string protobuf_name;
  bool keeps_last = false;
  Nanos interval{0};  // pace; 0 = none
  std::uint64_t topic_sequence = 0;
  std::unique_ptr<LastValue> last;
  // Who listens, as of the subscriptions' generation.
  std::uint64_t generation = 0;
  bool json_wanted = false;
  bool protobuf_wanted = false;
  // Pace.
  Nanos next_allowed{INT64_MIN};
  std::unique_ptr<v1::Envelope> held;
  // Heartbeats.
  Nanos moved_at{0};
  bool recent = false;
};

BusPublisherCore::BusPublisherCore(const BusPublisherConfig& config, std::string stream, Send send)
    : config_(config),
      stream_(std::move(stream)),
      send_(std::move(send)),
      heartbeat_topic_("hb." + config.process + "." + config.instance) {}

BusPublisherCore::~BusPublisherCore() = default;

BusPublisherCore::Topic& BusPublisherCore::topic_of(std::string_view name) {
  const auto at = topics_.find(name);
  if (at != topics_.end()) return *at->second;
  auto topic = std::make_unique<Topic>();
  topic->name = name;
  topic->protobuf_name = std::string(kProtobufPrefix) + topic->name;
  topic->keeps_last = keeps_last_value(name);
  if (may_conflate(name)) {
    const auto pace = config_.pace.find(std::string(topic_channel(name)));
    if (pace != config_.pace.end() && pace->second > 0) {
      topic->interval = Nanos{1'000'000'000 / pace->second};
    }
  }
  Topic& made = *topic;
  topics_.emplace(made.name, std::move(topic));
  return made;
}

void BusPublisherCore::update_wanted(Topic& topic) const {
  if (topic.generation == subscriptions_.generation()) return;
  topic.generation = subscriptions_.generation();
  topic.json_wanted = subscriptions_.matches(topic.name);
  topic.protobuf_wanted = subscriptions_.matches(topic.protobuf_name);
}

std::optional<EventNumbers> BusPublisherCore::publish(std::string_view name, v1::Envelope& envelope,
                                                      Clock now) {
  PW_ASSERT(envelope.payload_case() != v1::Envelope::PAYLOAD_NOT_SET);
  Topic& topic = topic_of(name);
  if (topic.interval.count() > 0) {
    if (now.monotonic < topic.next_allowed) {
      if (topic.held == nullptr) {
        topic.held = std::make_unique<v1::Envelope>();
        held_back_.emplace(topic.next_allowed, &topic);
      } else {
        ++counters_.conflated;
      }
      topic.held->Swap(&envelope);
      return std::nullopt;
    }
    if (topic.held != nullptr) {  // due, but its timer is late: this one is newer
      held_back_.erase({topic.next_allowed, &topic});
      topic.held.reset();
      ++counters_.conflated;
    }
    topic.next_allowed = now.monotonic + topic.interval;
  }
  emit(topic, envelope, now);
  return EventNumbers{.sequence = newest_sequence_, .topic_sequence = topic.topic_sequence};
}

void BusPublisherCore::emit(Topic& topic, v1::Envelope& envelope, Clock now) {
  ++counters_.published;
  envelope.set_stream(stream_);
  envelope.set_sequence(++newest_sequence_);
  envelope.set_topic_sequence(topic.topic_sequence + 1);
  envelope.set_timestamp(now.wall.value());
  moved(topic, topic.topic_sequence + 1, now.monotonic);
  if (!topic.keeps_last) {
    send_both(topic, envelope, {});
    return;
  }
  if (topic.last == nullptr) {
    topic.last = std::make_unique<LastValue>();
    kept_.insert(topic.name);
  }
  topic.last->envelope.Swap(&envelope);
  topic.last->json.clear();
  topic.last->protobuf.clear();
  send_both(topic, topic.last->envelope, {});
}

void BusPublisherCore::publish_numbered(std::string_view name, const v1::Envelope& envelope,
                                        std::string_view encoded, Clock now) {
  ++counters_.published;
  Topic& topic = topic_of(name);
  stream_ = envelope.stream();
  newest_sequence_ = envelope.sequence();
  moved(topic, envelope.topic_sequence(), now.monotonic);
  if (topic.keeps_last) restore_last_value(name, envelope);
  send_both(topic, envelope, encoded);
}

void BusPublisherCore::restore_last_value(std::string_view name, const v1::Envelope& envelope) {
  Topic& topic = topic_of(name);
  if (!topic.keeps_last) return;
  if (topic.last == nullptr) {
    topic.last = std::make_unique<LastValue>();
    kept_.insert(topic.name);
  }
  topic.last->envelope.CopyFrom(envelope);
  topic.last->json.clear();
  topic.last->protobuf.clear();
}

const v1::Envelope* BusPublisherCore::last_value(std::string_view name) const {
  const auto at = topics_.find(name);
  return at == topics_.end() || at->second->last == nullptr ? nullptr : &at->second->last->envelope;
}

void BusPublisherCore::send_both(Topic& topic, const v1::Envelope& envelope,
                                 std::string_view encoded) {
  update_wanted(topic);
  if (topic.json_wanted) {
    std::string& json = topic.last != nullptr ? topic.last->json : json_;
    json.clear();
    append_contract_json(envelope, json);
    send_(topic.name, json);
    ++counters_.sent_json;
  }
  if (topic.protobuf_wanted) {
    std::string& protobuf = topic.last != nullptr ? topic.last->protobuf : protobuf_;
    if (encoded.empty()) {
      to_protobuf(envelope, protobuf);
    } else {
      protobuf.assign(encoded);
    }
    send_(topic.protobuf_name, protobuf);
    ++counters_.sent_protobuf;
  }
}

void BusPublisherCore::moved(Topic& topic, std::uint64_t topic_sequence, Nanos now) {
  topic.topic_sequence = topic_sequence;
  if (!config_.heartbeat_topics) return;
  topic.moved_at = now;
  if (!topic.recent) {
    topic.recent = true;
    recent_.push_back(&topic);
  }
}

// ---- last values for new subscribers ----

std::vector<std::string_view> BusPublisherCore::kept_with_prefix(std::string_view prefix,
                                                                 std::size_t most) const {
  std::vector<std::string_view> found;
  for (auto at = kept_.lower_bound(prefix); at != kept_.end() && found.size() < most; ++at) {
    if (!starts_with(*at, prefix)) break;
    found.push_back(*at);
  }
  return found;
}

void BusPublisherCore::on_subscribe(std::string_view prefix) {
  subscriptions_.add(prefix);
  const auto json = kept_with_prefix(prefix, kMaxResend + 1);
  std::vector<std::string_view> protobuf;
  if (starts_with(prefix, kProtobufPrefix)) {
    protobuf = kept_with_prefix(prefix.substr(kProtobufPrefix.size()), kMaxResend + 1);
  } else if (starts_with(kProtobufPrefix, prefix)) {
    protobuf = kept_with_prefix({}, kMaxResend + 1);
  }
  if (json.size() + protobuf.size() > kMaxResend) {
    ++counters_.broad_subscriptions;
    return;
  }
  for (const auto name : json) send_last(*topic_of(name).last, false, topic_of(name));
  for (const auto name : protobuf) send_last(*topic_of(name).last, true, topic_of(name));
}

void BusPublisherCore::on_unsubscribe(std::string_view prefix) { subscriptions_.remove(prefix); }

void BusPublisherCore::send_last(const LastValue& last, bool protobuf, const Topic& topic) {
  auto& mutable_last = const_cast<LastValue&>(last);
  if (protobuf) {
    if (last.protobuf.empty()) to_protobuf(last.envelope, mutable_last.protobuf);
    send_(topic.protobuf_name, last.protobuf);
  } else {
    if (last.json.empty()) append_contract_json(last.envelope, mutable_last.json);
    send_(topic.name, last.json);
  }
  ++counters_.last_values_sent;
}

// ---- pace ----

std::optional<Nanos> BusPublisherCore::flush_due(Clock now) {
  while (!held_back_.empty() && held_back_.begin()->first <= now.monotonic) {
    Topic& topic = *held_back_.begin()->second;
    held_back_.erase(held_back_.begin());
    const auto held = std::move(topic.held);
    topic.next_allowed = now.monotonic + topic.interval;
    emit(topic, *held, now);
  }
  if (held_back_.empty()) return std::nullopt;
  return held_back_.begin()->first;
}

// ---- heartbeats ----

void BusPublisherCore::follow_stream(std::string stream, std::uint64_t newest_sequence) {
  stream_ = std::move(stream);
  newest_sequence_ = newest_sequence;
}

void BusPublisherCore::beat(const std::function<void(v1::Heartbeat&)>& filler, Clock now) {
  ++counters_.heartbeats;
  // Topics leave the list in every beat, listened to or not.
  const auto still = [&](Topic* topic) {
    topic->recent = now.monotonic - topic->moved_at <= kMoved;
    return topic->recent;
  };
  recent_.erase(std::partition(recent_.begin(), recent_.end(), still), recent_.end());

  const std::string protobuf_topic = std::string(kProtobufPrefix) + heartbeat_topic_;
  const bool json_wanted = subscriptions_.matches(heartbeat_topic_);
  const bool protobuf_wanted = subscriptions_.matches(protobuf_topic);
  if (!json_wanted && !protobuf_wanted) return;
  v1::Envelope envelope;
  envelope.set_event_type("heartbeat");
  envelope.set_timestamp(now.wall.value());
  auto& beat = *envelope.mutable_heartbeat();
  beat.set_process(config_.process);
  beat.set_instance(config_.instance);
  beat.set_version(std::string(version()));
  beat.set_build(std::string(build_id()));
  beat.set_contract(std::string(contract_hash()));
  beat.set_stream(stream_);
  beat.set_newest_sequence(newest_sequence_);
  for (const Topic* topic : recent_) (*beat.mutable_topics())[topic->name] = topic->topic_sequence;
  if (filler) filler(beat);
  if (json_wanted) {
    send_(heartbeat_topic_, to_contract_json(envelope));
    ++counters_.sent_json;
  }
  if (protobuf_wanted) {
    send_(protobuf_topic, to_protobuf(envelope));
    ++counters_.sent_protobuf;
  }
}

bool BusPublisherCore::has_subscriber(std::string_view topic) const {
  return subscriptions_.matches(topic) ||
         subscriptions_.matches(std::string(kProtobufPrefix) + std::string(topic));
}

}  // namespace perpwire
