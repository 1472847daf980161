#include "libs/common/bus_numbers.hpp"

#include "libs/common/assert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sys/random.h>

namespace perpwire {

EventNumbering::EventNumbering(std::string stream) : stream_(std::move(stream)) {}

EventNumbers EventNumbering::next(std::string_view topic) {
  auto at = topics_.find(topic);
  if (at == topics_.end()) at = topics_.emplace(std::string(topic), 0).first;
  return {.sequence = ++sequence_, .topic_sequence = ++at->second};
}

std::string make_stream_id(std::string_view process, std::string_view instance) {
  std::uint64_t id = 0;
  PW_ASSERT(getrandom(&id, sizeof id, 0) == static_cast<ssize_t>(sizeof id));
  return fmt::format("{}.{}.{:016x}", process, instance, id);
}

namespace {

/// The n-th element of a topic, from 0; empty if there is none.
std::string_view element(std::string_view topic, int n) {
  for (; n > 0; --n) {
    const auto dot = topic.find('.');
    if (dot == std::string_view::npos) return {};
    topic.remove_prefix(dot + 1);
  }
  return topic.substr(0, topic.find('.'));
}

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::string_view topic_channel(std::string_view topic) {
  const auto first = element(topic, 0);
  if (first == "md") return element(topic, 2);
  if (first == "risk") {
    const auto event = element(topic, 2);
    if (event == "state") return "risk.state";
    if (event == "limits") return "risk.limits";
  }
  return first;
}

bool keeps_last_value(std::string_view topic) {
  static constexpr std::array<std::string_view, 12> kKept = {
      "book",   "bbo",       "ticker",   "mids",    "candle",     "instrument",
      "status", "positions", "balances", "gateway", "risk.state", "risk.limits"};
  return is_one_of(topic_channel(topic), kKept);
}

bool may_conflate(std::string_view topic) {
  static constexpr std::array<std::string_view, 4> kPaced = {"book", "bbo", "ticker", "mids"};
  return element(topic, 0) == "md" && is_one_of(topic_channel(topic), kPaced);
}

}  // namespace perpwire
