#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/market_lookup.hpp"
#include "tools/cli/market_view.hpp"
#include "tools/cli/transport.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <unistd.h>

namespace perpwire::cli {
namespace {

struct WatchOptions {
  std::string channel;
  std::vector<std::string> pairs;
  unsigned count = 0;    // 0: no end
  unsigned seconds = 0;  // 0: no end
  unsigned depth = 10;
  bool watch = false;
};

Outcome<std::vector<std::string>> topics_of(Session& session, const WatchOptions& options) {
  // "trades" is what people say; the channel's name is "trade".
  const std::string channel = options.channel == "trades" ? "trade" : options.channel;
  std::vector<std::string> topics;
  for (const auto& text : options.pairs) {
    const auto pair = session.pair(text);
    if (!pair) return tl::unexpected(pair.error());
    topics.push_back(market_topic(channel, *pair));
  }
  return topics;
}

void show(Session& session, const WatchOptions& options, const v1::Envelope& envelope,
          std::optional<UnixNanos> arrived, bool redraw) {
  if (session.json()) {
    std::cout << json_of(envelope) << "\n" << std::flush;
    return;
  }
  if (redraw) std::cout << "\033[H\033[J";
  std::cout << market_text(envelope, arrived, options.depth) << std::flush;
}

Outcome<void> watch(Session& session, const WatchOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto topics = topics_of(session, options);
  if (!topics) return tl::unexpected(topics.error());
  if (const auto why = why_not_listening((*settings)->marketstream.events); !why.empty()) {
    return fail_with(Exit::kFailed,
                     fmt::format("marketstream: expected it to publish at {}, found: {}",
                                 (*settings)->marketstream.events, why));
  }
  Listener listener("marketstream", (*settings)->marketstream.events, *topics);
  const bool redraw =
      options.channel == "book" && options.pairs.size() == 1 && isatty(STDOUT_FILENO) != 0;
  const Nanos begun = monotonic_now();
  const Nanos end = begun + std::chrono::seconds(options.seconds);
  Nanos last_seen = begun;
  unsigned shown = 0;
  while (options.count == 0 || shown < options.count) {
    if (options.seconds != 0 && monotonic_now() >= end) break;
    Nanos wait = std::chrono::milliseconds(200);
    const auto message = listener.next(wait, true);
    if (!message) {
      if (monotonic_now() - last_seen < session.timeout()) continue;
      return fail_with(Exit::kFailed,
                       fmt::format("marketstream: expected a message or a heartbeat within {} ms, "
                                   "found none",
                                   session.options.timeout_ms));
    }
    last_seen = monotonic_now();
    if (message->topic.rfind("hb.", 0) == 0) continue;
    show(session, options, message->envelope, message->arrived, redraw);
    ++shown;
  }
  if (shown == 0) {
    return fail_with(Exit::kFailed, fmt::format("{}: expected a message within {} s, found none",
                                                topics->front(), options.seconds));
  }
  return {};
}

Outcome<void> once_or_watch(Session& session, const WatchOptions& options) {
  if (options.watch || options.count != 0 || options.seconds != 0) return watch(session, options);
  if (options.channel ==
      "trades") {  // not kept by the publisher: there is no newest one to ask for
    return fail_with(Exit::kUsage, "trades: expected --watch, --count or --seconds, found none");
  }
  const auto topics = topics_of(session, options);
  if (!topics) return tl::unexpected(topics.error());
  const auto snapshot = market_snapshot(session, *topics);
  if (!snapshot) return tl::unexpected(snapshot.error());
  for (const auto& envelope : *snapshot) show(session, options, envelope, std::nullopt, false);
  return {};
}

void add_ends(CLI::App& app, WatchOptions& options) {
  app.add_option("--count", options.count, "end after so many messages");
  app.add_option("--seconds", options.seconds, "end after so long");
  app.add_option("--depth", options.depth, "levels of a book to show")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
}

}  // namespace

void add_md_commands(Registry& registry) {
  auto& group = registry.group("md", "market data");
  const auto watched = std::make_shared<WatchOptions>();
  auto& watch_app = registry.add(group, "watch", "messages of a channel as they come",
                                 [watched](Session& session) { return watch(session, *watched); });
  watch_app.add_option("channel", watched->channel, "book, bbo, trades or ticker")
      ->required()
      ->check(CLI::IsMember({"book", "bbo", "trades", "trade", "ticker"}));
  watch_app.add_option("pairs", watched->pairs, "BTC-USD, hyna:BTC-USD")->required();
  add_ends(watch_app, *watched);
  for (const auto* channel : {"book", "bbo", "trades", "ticker", "instrument"}) {
    const auto options = std::make_shared<WatchOptions>();
    options->channel = channel;
    auto& app =
        registry.add(group, channel, fmt::format("{} of a pair", channel),
                     [options](Session& session) { return once_or_watch(session, *options); });
    app.add_option("pairs", options->pairs, "BTC-USD, hyna:BTC-USD")->required();
    app.add_flag("--watch", options->watch, "go on until interrupted");
    add_ends(app, *options);
  }
}

}  // namespace perpwire::cli
