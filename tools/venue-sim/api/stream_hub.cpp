#include "tools/venue-sim/api/stream_hub.hpp"

#include "tools/venue-sim/api/json_reader.hpp"
#include "tools/venue-sim/api/stream_frames.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace perpwire::sim {
namespace {

constexpr Millis kBookInterval = 500;    // l2Book: per block at least 0.5 s after the last
constexpr Millis kStateInterval = 1000;  // contexts, mids, account states
constexpr Millis kCandleInterval = 250;

Millis interval_of(Channel channel) {
  switch (channel) {
    case Channel::kL2Book:
      return kBookInterval;
    case Channel::kCandle:
      return kCandleInterval;
    default:
      return kStateInterval;
  }
}

bool is_periodic(Channel channel) {
  switch (channel) {
    case Channel::kL2Book:
    case Channel::kActiveAssetCtx:
    case Channel::kAllMids:
    case Channel::kAllDexsAssetCtxs:
    case Channel::kClearinghouseState:
    case Channel::kAllDexsClearinghouseState:
    case Channel::kActiveAssetData:
    case Channel::kWebData3:
      return true;
    default:
      return false;
  }
}

}  // namespace

void StreamHub::send(ConnectionId connection, std::string text) {
  frames_.push_back({connection, std::make_shared<const std::string>(std::move(text))});
}

void StreamHub::error(ConnectionId connection, const std::string& text) {
  Json out = Json::object();
  out["channel"] = "error";
  out["data"] = text;
  send(connection, print_json(out));
}

std::size_t StreamHub::users_of_all() const {
  return static_cast<std::size_t>(std::count_if(
      by_user_.begin(), by_user_.end(), [](const auto& entry) { return !entry.second.empty(); }));
}

std::size_t StreamHub::subscriptions_of(ConnectionId connection) const {
  const auto found = by_connection_.find(connection);
  return found == by_connection_.end() ? 0 : found->second.size();
}

void StreamHub::subscribe(ConnectionId connection, const Json& request, Millis now) {
  const VenueState& state = exchange_.state();
  const auto wanted = parse_subscription(request, state.universe);
  const bool is_unknown_coin = wanted && !wanted->coin.empty() && !wanted->has_market;
  if (!wanted || (is_unknown_coin && state.readings.unknown_coin_is_silent == 0)) {
    error(connection, "Invalid subscription " + request.dump());
    return;
  }
  auto& own = by_connection_[connection];
  const std::string& key = wanted->normalised;
  if (own.contains(key)) {
    error(connection,
          "Already subscribed: " +
              (state.readings.already_subscribed_is_normalised != 0 ? key : request.dump()));
    return;
  }
  if (state.documented_limits) {
    std::size_t total = 0;
    for (const auto& [id, keys] : by_connection_) {
      total += keys.size();
    }
    if (total >= kMostSubscriptions) {
      error(connection, "Cannot subscribe to more than 1000 channels.");
      return;
    }
    if (!wanted->user.empty() && by_user_[wanted->user].empty() && users_of_all() >= kMostUsers) {
      error(connection, "Cannot track more than 15 total users.");
      return;
    }
  }
  own.insert(key);
  Topic& topic = topics_[key];
  topic.subscription = *wanted;
  topic.subscribers.insert(connection);
  if (!wanted->user.empty()) {
    by_user_[wanted->user].insert(key);
  }
  if (wanted->has_market) {
    by_market_[wanted->market].insert(key);
  }
  Json ack = Json::object();
  ack["channel"] = "subscriptionResponse";
  ack["data"]["method"] = "subscribe";
  ack["data"]["subscription"] = Json::parse(key);
  const auto first = first_frame(exchange_, *wanted);
  if (state.readings.data_before_ack == 0) {
    send(connection, ack.dump());
  }
  if (first) {
    send(connection, *first);
    topic.last_push = std::max(topic.last_push, now);
    if (topic.last_text.empty()) {
      topic.last_text = *first;
    }
  }
  if (state.readings.data_before_ack != 0) {
    send(connection, ack.dump());
  }
}

void StreamHub::unsubscribe(ConnectionId connection, const Json& request) {
  const auto wanted = parse_subscription(request, exchange_.state().universe);
  if (!wanted) {
    error(connection, "Invalid subscription " + request.dump());
    return;
  }
  auto& own = by_connection_[connection];
  if (own.erase(wanted->normalised) == 0) {
    error(connection, "Already unsubscribed: " + wanted->normalised);
    return;
  }
  const auto topic = topics_.find(wanted->normalised);
  topic->second.subscribers.erase(connection);
  if (topic->second.subscribers.empty()) {
    by_user_[wanted->user].erase(wanted->normalised);
    by_market_[wanted->market].erase(wanted->normalised);
    topics_.erase(topic);
  }
  Json ack = Json::object();
  ack["channel"] = "subscriptionResponse";
  ack["data"]["method"] = "unsubscribe";
  ack["data"]["subscription"] = Json::parse(wanted->normalised);
  send(connection, ack.dump());
}

void StreamHub::forget(ConnectionId connection) {
  const auto own = by_connection_.find(connection);
  if (own == by_connection_.end()) {
    return;
  }
  for (const auto& key : own->second) {
    const auto topic = topics_.find(key);
    topic->second.subscribers.erase(connection);
    if (topic->second.subscribers.empty()) {
      by_user_[topic->second.subscription.user].erase(key);
      by_market_[topic->second.subscription.market].erase(key);
      topics_.erase(topic);
    }
  }
  by_connection_.erase(own);
  std::erase_if(delayed_, [&](const Delayed& one) { return one.frame.connection == connection; });
}

void StreamHub::push(Topic& topic, std::string text, Millis now) {
  topic.last_push = now;
  const auto shared = std::make_shared<const std::string>(std::move(text));
  for (const ConnectionId connection : topic.subscribers) {
    frames_.push_back({connection, shared});
  }
}

void StreamHub::push_user(Topic& topic, std::string text, Millis now) {
  const auto fate = faults_.next_user_frame(topic.subscription.type);
  const auto shared = std::make_shared<const std::string>(std::move(text));
  for (std::size_t copy = 0; copy < fate.copies; ++copy) {
    for (const ConnectionId connection : topic.subscribers) {
      if (fate.delay > 0) {
        delayed_.push_back({now + fate.delay, {connection, shared}});
      } else {
        frames_.push_back({connection, shared});
      }
    }
  }
}

void StreamHub::publish(const Output& output, Millis now) {
  publish_market(output, now);
  publish_users(output, now);
}

void StreamHub::publish_market(const Output& output, Millis now) {
  std::map<MarketIndex, std::vector<const Trade*>> trades;
  for (const auto& trade : output.trades) {
    trades[trade.market].push_back(&trade);
  }
  for (const auto& [market, list] : trades) {
    for (const auto& key : by_market_[market]) {
      Topic& topic = topics_.at(key);
      if (topic.subscription.channel == Channel::kTrades) {
        push(topic, trades_frame(exchange_.state(), list), now);
      } else if (topic.subscription.channel == Channel::kCandle &&
                 now - topic.last_push >= kCandleInterval) {
        if (auto text = state_frame(exchange_, topic.subscription)) {
          push(topic, std::move(*text), now);
        }
      }
    }
  }
  for (const MarketIndex market : output.changed_books) {
    for (const auto& key : by_market_[market]) {
      Topic& topic = topics_.at(key);
      if (topic.subscription.channel != Channel::kBbo) {
        continue;
      }
      // Only when the best prices or sizes changed: compared without the time.
      const auto best = [&](Side side) {
        const auto top = exchange_.state().markets[market].book.top(side);
        return top ? std::to_string(top->price.value) + "x" + std::to_string(top->size.value) +
                         "x" + std::to_string(top->orders)
                   : std::string("-");
      };
      std::string shown = best(Side::kBuy) + "|" + best(Side::kSell);
      if (shown != topic.last_text) {
        topic.last_text = std::move(shown);
        push(topic, *state_frame(exchange_, topic.subscription), now);
      }
    }
  }
}

void StreamHub::publish_users(const Output& output, Millis now) {
  if (output.events.empty()) {
    return;
  }
  std::map<AccountIndex, std::vector<const UserEvent*>> by_account;
  for (const auto& event : output.events) {
    by_account[event.account].push_back(&event);
  }
  for (const auto& [account, events] : by_account) {
    const auto keys = by_user_.find(exchange_.state().accounts[account].address.value());
    if (keys == by_user_.end()) {
      continue;
    }
    for (const auto& key : keys->second) {
      Topic& topic = topics_.at(key);
      for (auto& text : user_frames(exchange_, topic.subscription, events)) {
        push_user(topic, std::move(text), now);
      }
    }
  }
}

void StreamHub::on_timer(Millis now) {
  for (auto& [key, topic] : topics_) {
    const Channel channel = topic.subscription.channel;
    if (is_periodic(channel) && now - topic.last_push >= interval_of(channel)) {
      if (auto text = state_frame(exchange_, topic.subscription)) {
        push(topic, std::move(*text), now);
      }
    }
  }
  std::stable_sort(delayed_.begin(), delayed_.end(),
                   [](const Delayed& a, const Delayed& b) { return a.due < b.due; });
  const auto due = std::find_if(delayed_.begin(), delayed_.end(),
                                [&](const Delayed& one) { return one.due > now; });
  for (auto one = delayed_.begin(); one != due; ++one) {
    frames_.push_back(std::move(one->frame));
  }
  delayed_.erase(delayed_.begin(), due);
}

std::vector<OutgoingFrame> StreamHub::take_frames() { return std::exchange(frames_, {}); }

}  // namespace perpwire::sim
