#include "libs/venues/hyperliquid/decode.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "libs/venues/hyperliquid/market_envelopes.hpp"
#include "libs/venues/hyperliquid/market_protocol.hpp"
#include "libs/venues/hyperliquid/symbols.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/market_data.pb.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <simdjson.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <vector>

namespace perpwire::hyperliquid {
namespace {

using Json = nlohmann::ordered_json;

/// The answers of /info that hold market data or instruments.
constexpr std::array<std::string_view, 9> kAnswerTypes{"spotMetaAndAssetCtxs",
                                                       "metaAndAssetCtxs",
                                                       "candleSnapshot",
                                                       "recentTrades",
                                                       "perpDexs",
                                                       "spotMeta",
                                                       "allMids",
                                                       "l2Book",
                                                       "meta"};

template <class Action>
constexpr bool kIsEvent = std::is_same_v<Action, BookEvent> || std::is_same_v<Action, DeltaEvent> ||
                          std::is_same_v<Action, BboEvent> || std::is_same_v<Action, TradeEvent> ||
                          std::is_same_v<Action, TickerEvent> ||
                          std::is_same_v<Action, MidsEvent> || std::is_same_v<Action, CandleEvent>;

struct BookRecord {
  std::uint64_t snapshots = 0;
  std::uint64_t stale_ignored = 0;
  bool valid = false;
  Json doubtful = Json::array();
  UnixNanos time;
  std::size_t bid_levels = 0;
  std::size_t ask_levels = 0;
  bool crossed = false;
  Json bids = Json::array();
  Json asks = Json::array();
  std::uint64_t bbo_events = 0;
};

struct TradeRecord {
  std::uint64_t count = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t first_id = 0;
  std::uint64_t last_id = 0;
  WideDecimal bought;
  WideDecimal sold;
};

struct Line {
  UnixNanos received;
  std::string_view source = "ws";
  std::string_view text;
};

/// `receive_ns <tab> source <tab> text`; anything else is text.
Line split(std::string_view text) {
  Line line{.received = {}, .text = text};
  const auto first = text.find('\t');
  const auto second = first == std::string_view::npos ? first : text.find('\t', first + 1);
  if (second == std::string_view::npos) return line;
  std::int64_t received = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + first, received);
  if (error != std::errc{} || end != text.data() + first) return line;
  return {UnixNanos{received}, text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

/// Levels as they stand on the wire, best 20.
Json wire_levels(simdjson::dom::element side) {
  Json out = Json::array();
  simdjson::dom::array levels;
  if (side.get(levels) != simdjson::SUCCESS) return out;
  for (const auto level : levels) {
    std::string_view price;
    std::string_view quantity;
    if (out.size() == 20 || level["px"].get(price) != simdjson::SUCCESS ||
        level["sz"].get(quantity) != simdjson::SUCCESS) {
      break;
    }
    out.push_back(Json::array({price, quantity}));
  }
  return out;
}

}  // namespace

struct Decoder::Impl {
  Impl(Sink event, Sink note) : event_sink(std::move(event)), note_sink(std::move(note)) {
    MarketProtocolOptions options;
    options.first_trades_are_old = false;
    options.trade_memory = 100'000;
    protocol = std::make_unique<MarketProtocol>(options, instruments);
    protocol->on_connected({}, actions);
    actions.clear();
  }

  void note(std::string_view kind, std::string_view text) {
    note_sink(fmt::format("line {}: {}: {}", counts.lines, kind, text));
  }
  void ignored(std::string_view reason) {
    ++counts.ignored;
    note("ignored", reason);
  }
  void malformed(std::string_view reason) {
    ++counts.malformed;
    note("malformed", reason);
  }

  void emit(v1::Envelope& envelope, const std::string& topic) {
    envelope.set_stream("decode");
    envelope.set_sequence(++counts.events);
    envelope.set_topic_sequence(++topic_sequences[topic]);
    envelope.set_timestamp(received.value());
    event_sink(to_contract_json(envelope));
  }
  template <class Event>
  void publish(const Event& event) {
    v1::Envelope envelope;
    std::string topic;
    if constexpr (std::is_same_v<Event, BookEvent>) {
      fill(event, MarketProtocolOptions{}.depth, received, envelope, topic);
    } else {
      fill(event, received, envelope, topic);
    }
    emit(envelope, topic);
  }

  /// Makes the coin and the stream known. The grid is the widest there is: perps have at most 6
  /// decimals, spot 8.
  void expect(Stream stream, std::string_view coin, std::string_view interval = {}) {
    Subscription subscription{
        .stream = stream, .coin = std::string{coin}, .interval = std::string{interval}};
    if (!expected.insert(to_json(subscription)).second) return;
    if (instruments.by_coin(coin) == nullptr) know(coin);
    protocol->add(subscription, actions);
    actions.clear();
  }
  void know(std::string_view coin) {
    MarketInstrument instrument;
    instrument.coin = coin;
    instrument.dex = dex_of(coin);
    instrument.spot = kind_of_coin(coin) != CoinKind::kPerpetual;
    instrument.grid = {.max_decimals = instrument.spot ? 8 : 6, .size_decimals = 8};
    instrument.pair = instrument.spot ? std::string{coin} : perp_pair(coin).value();
    std::replace(instrument.pair.begin(), instrument.pair.end(), '/', '-');
    instruments.put(std::move(instrument));
  }
  void expect_mids(std::string_view dex, const std::vector<MidItem>& mids) {
    for (const auto& item : mids) {
      if (instruments.by_coin(item.coin) == nullptr &&
          kind_of_coin(item.coin) != CoinKind::kOutcome)
        know(item.coin);
    }
    const Subscription subscription{.stream = Stream::kAllMids, .dex = std::string{dex}};
    if (!expected.insert(to_json(subscription)).second) return;
    protocol->add(subscription, actions);
    actions.clear();
  }

  void frame(std::string_view text) {
    auto parsed = parser.parse(text);
    if (!parsed) {
      malformed(parsed.error().text);
      return;
    }
    struct Visitor {
      Impl& self;
      std::string_view text;
      void operator()(const BookMessage* book) { self.book_frame(*book, text); }
      void operator()(const BboMessage* bbo) {
        self.expect(Stream::kBbo, bbo->coin);
        ++self.books[std::string{bbo->coin}].bbo_events;
        self.run(text);
      }
      void operator()(const TradesMessage* message) { self.trades_frame(message->trades, text); }
      void operator()(const CandlesMessage* candles) {
        for (const auto& candle : candles->candles)
          self.expect(Stream::kCandle, candle.coin, candle.interval);
        self.run(text);
      }
      void operator()(const AssetContextMessage* context) {
        self.expect(Stream::kActiveAssetCtx, context->coin);
        self.run(text);
      }
      void operator()(const MidsMessage* mids) {
        std::string dex{mids->dex};
        if (dex.empty() && !mids->mids.empty()) dex = dex_of(mids->mids.front().coin);
        self.expect_mids(dex, mids->mids);
        self.run(text);
      }
      void operator()(const SubscriptionReply& reply) {
        self.ignored(reply.subscribed ? "acknowledgement of a subscription"
                                      : "acknowledgement of an unsubscription");
      }
      void operator()(const VenueError& error) {
        self.ignored(fmt::format("the venue's error: {}", error.text));
      }
      void operator()(const PostReply& reply) {
        self.ignored(fmt::format("answer to post {} ({}), not a stream", reply.id, reply.type));
      }
      void operator()(const Pong&) { self.ignored("pong"); }
      void operator()(const Greeting&) { self.ignored("greeting of the connection"); }
      void operator()(const IgnoredFrame& ignored) {
        self.ignored(fmt::format("channel {}: {}", ignored.channel, ignored.reason));
      }
    };
    std::visit(Visitor{*this, text}, *parsed);
  }

  /// Hands a frame to the protocol and its events to the output.
  void run(std::string_view text) {
    protocol->on_text(text, {Nanos{0}, received}, actions);
    flush();
  }
  void flush() {
    const auto events_before = counts.events;
    bool noted = false;
    for (const auto& action : actions) {
      if (const auto* notice = std::get_if<Notice>(&action)) {
        note(to_string(notice->kind), notice->text);
        noted = true;
      }
      if (const auto* trade = std::get_if<TradeEvent>(&action)) count(*trade);
      std::visit([this](const auto& event) { publish_event(event); }, action);
    }
    actions.clear();
    if (noted || counts.events > events_before) {
      ++counts.decoded;
    } else {
      ignored("nothing new in it");
    }
  }
  /// What goes out; the rest of the actions is for a live connection.
  template <class Event>
  void publish_event(const Event& event) {
    if constexpr (kIsEvent<Event>) publish(event);
  }

  void book_frame(const BookMessage& book, std::string_view text) {
    if (book.aggregated) {
      ignored("channel l2Book: aggregated levels (nSigFigs), not the book");
      return;
    }
    expect(Stream::kL2Book, book.coin);
    auto& record = books[std::string{book.coin}];
    const auto before = protocol->counters();
    const BookRecord old = record;
    record.bid_levels = book.bids.size();
    record.ask_levels = book.asks.size();
    record.crossed = !book.bids.empty() && !book.asks.empty() &&
                     book.bids.front().price >= book.asks.front().price;
    const UnixNanos time = book.time;
    simdjson::dom::element document;
    simdjson::dom::element sides;
    if (dom.parse(text.data(), text.size()).get(document) == simdjson::SUCCESS &&
        (document["data"]["levels"].get(sides) == simdjson::SUCCESS ||
         document["levels"].get(sides) == simdjson::SUCCESS)) {
      record.bids = wire_levels(sides.at(0).value());
      record.asks = wire_levels(sides.at(1).value());
    }
    run(text);
    const auto& after = protocol->counters();
    if (after.out_of_order > before.out_of_order) {
      record = old;
      ++record.stale_ignored;
      return;
    }
    record.time = time;
    record.valid = after.resyncs == before.resyncs;
    if (record.valid) {
      ++record.snapshots;
    } else {
      record.doubtful.push_back({{"line", counts.lines}, {"time", time.millis()}});
    }
  }

  void trades_frame(const std::vector<TradeItem>& items, std::string_view text) {
    std::map<std::string, std::uint64_t> sent;
    for (const auto& trade : items) {
      expect(Stream::kTrades, trade.coin);
      ++sent[std::string{trade.coin}];
    }
    const auto before = protocol->counters().duplicate_trades;
    run(text);
    if (sent.size() == 1) {
      trades[sent.begin()->first].duplicates += protocol->counters().duplicate_trades - before;
    }
  }

  void count(const TradeEvent& event) {
    const auto* instrument = instruments.by_pair(event.pair);
    auto& record = trades[instrument == nullptr ? std::string{event.pair} : instrument->coin];
    if (record.count++ == 0) record.first_id = event.trade_id;
    record.last_id = event.trade_id;
    auto& total = event.side == Side::kBuy ? record.bought : record.sold;
    const auto sum = add(total, widen(event.quantity.value()));
    if (sum) {
      total = *sum;
    } else {
      note("overflow", sum.error().text);
    }
  }

  // ---- answers of /info
  // -------------------------------------------------------------------------------------------------

  void answer(std::string_view type, std::string_view dex, std::string_view text) {
    if (type == "l2Book") {
      const auto book = parser.parse_l2_book(text);
      if (!book) return malformed(book.error().text);
      // The same shape as the stream's data.
      return frame(fmt::format(R"({{"channel":"l2Book","data":{}}})", text));
    }
    if (type == "recentTrades" || type == "candleSnapshot") {
      return frame(fmt::format(R"({{"channel":"{}","data":{}}})",
                               type == "recentTrades" ? "trades" : "candle", text));
    }
    if (type == "allMids") {
      return frame(
          fmt::format(R"({{"channel":"allMids","data":{{"dex":"{}","mids":{}}}}})", dex, text));
    }
    if (type == "metaAndAssetCtxs") {
      const auto contexts = parser.parse_meta_and_contexts(text);
      if (!contexts) return malformed(contexts.error().text);
      for (const auto& context : **contexts) {
        know(context.coin);
        TickerEvent ticker;
        const auto pair = perp_pair(context.coin).value();
        ticker.pair = pair;
        ticker.mark_price = context.context.mark_price;
        ticker.index_price = context.context.oracle_price;
        ticker.funding_rate = context.context.funding_rate;
        ticker.funding_interval = std::chrono::hours{1};
        ticker.open_interest = context.context.open_interest;
        publish(ticker);
      }
    }
    InstrumentSources sources;
    if (type == "meta" || type == "metaAndAssetCtxs") {
      sources.metas.push_back({std::string{dex}, std::string{text}});
      if (!dex.empty()) sources.perp_dexs = fmt::format(R"([null,{{"name":"{}"}}])", dex);
    } else if (type == "spotMeta" || type == "spotMetaAndAssetCtxs") {
      sources.spot_meta = text;
    } else {
      return ignored(fmt::format("answer {}: names DEXes only", type));
    }
    const auto built = Instruments::build(sources);
    if (!built) return malformed(built.error().text);
    for (const auto& instrument : built->all()) {
      v1::Envelope envelope;
      envelope.set_event_type("instrument");
      instrument.fill(*envelope.mutable_instrument(), received);
      // One DEX alone does not tell its number among all DEXes.
      if (!dex.empty()) envelope.mutable_instrument()->clear_venue_asset_id();
      emit(envelope, market_topic("instrument", instrument.trading_pair.value()));
    }
    ++counts.decoded;
  }

  /// A JSON object around a frame or an exchange. False: it is a frame itself.
  bool wrapped(std::string_view text) {
    if (text.empty() || text.front() != '{') return false;
    simdjson::dom::element document;
    simdjson::dom::element inner;
    if (dom.parse(text.data(), text.size()).get(document) != simdjson::SUCCESS) return false;
    if (document["frame"].get(inner) == simdjson::SUCCESS) {
      std::string_view plain;
      frame(inner.get(plain) == simdjson::SUCCESS ? std::string{plain} : simdjson::minify(inner));
      return true;
    }
    if (document["response"].get(inner) != simdjson::SUCCESS ||
        document["channel"].error() == simdjson::SUCCESS) {
      return false;
    }
    const std::string body = simdjson::minify(inner);
    std::string_view found;
    std::string type;
    std::string dex;
    if (document["request"]["type"].get(found) == simdjson::SUCCESS) type = found;
    if (document["request"]["dex"].get(found) == simdjson::SUCCESS) dex = found;
    if (std::find(kAnswerTypes.begin(), kAnswerTypes.end(), type) == kAnswerTypes.end()) {
      ignored(type.empty() ? std::string{"an answer that does not say to which request"}
                           : fmt::format("answer {}: not public market data", type));
      return true;
    }
    answer(type, dex, body);
    return true;
  }

  void rest(const Line& line) {
    for (const auto type : kAnswerTypes) {
      if (line.source.find(type) == std::string_view::npos) continue;
      std::string dex;
      const auto key = line.source.find("dex");
      if (key != std::string_view::npos) {
        auto rest = line.source.substr(key + 3);
        rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of("\":= ")));
        dex = rest.substr(0, rest.find_first_of("\"&},; "));
      }
      return answer(type, dex, line.text);
    }
    ignored(fmt::format("answer of {}: not public market data", line.source));
  }

  Sink event_sink;
  Sink note_sink;
  Counts counts;
  UnixNanos received;
  MarketMessageParser parser;
  simdjson::dom::parser dom;
  MarketInstruments instruments;
  std::unique_ptr<MarketProtocol> protocol;
  std::vector<MarketAction> actions;
  std::set<std::string> expected;
  std::map<std::string, std::uint64_t> topic_sequences;
  std::map<std::string, BookRecord> books;
  std::map<std::string, TradeRecord> trades;
};

Decoder::Decoder(Sink event, Sink note)
    : impl_(std::make_unique<Impl>(std::move(event), std::move(note))) {}
Decoder::~Decoder() = default;

void Decoder::line(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  ++impl_->counts.lines;
  if (text.empty()) return;
  const Line line = split(text);
  impl_->received = line.received;
  if (line.source.starts_with("out")) return impl_->ignored("sent by the client");
  if (line.source.starts_with("rest") || line.source.starts_with("http")) return impl_->rest(line);
  if (!impl_->wrapped(line.text)) impl_->frame(line.text);
}

const Decoder::Counts& Decoder::counts() const { return impl_->counts; }

std::string Decoder::final_book() const {
  Json out{{"venue", kVenueName},
           {"lines", impl_->counts.lines},
           {"books", Json::object()},
           {"trades", Json::object()}};
  for (const auto& [coin, record] : impl_->books) {
    out["books"][coin] = {
        {"valid", record.valid},
        {"snapshots", record.snapshots},
        {"stale_ignored", record.stale_ignored},
        {"doubtful", record.doubtful},
        {"gaps", Json::array()},  // snapshots only: nothing can be missing between two
        {"bbo_events", record.bbo_events},
        {"last_time", record.time.millis()},
        {"bids", record.bids},
        {"asks", record.asks},
        {"bid_levels", record.bid_levels},
        {"ask_levels", record.ask_levels},
        {"crossed", record.crossed}};
  }
  for (const auto& [coin, record] : impl_->trades) {
    out["trades"][coin] = {{"count", record.count},
                           {"duplicates", record.duplicates},
                           {"first_id", record.first_id},
                           {"last_id", record.last_id},
                           {"taker_buy_qty", record.bought.to_string()},
                           {"taker_sell_qty", record.sold.to_string()}};
  }
  return out.dump();
}

Status for_each_line(const std::filesystem::path& file,
                     const std::function<void(std::string_view)>& line) {
  constexpr std::size_t kMaxLine = std::size_t{64} << 20;
  // gzread hands plain files through as they are.
  gzFile opened = gzopen(file.c_str(), "rb");
  if (opened == nullptr)
    return fail(ErrorCode::kIo, fmt::format("{}: cannot be opened", file.string()));
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> closer{opened, gzclose};
  std::string pending;
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const int got = gzread(opened, buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got < 0) {
      int code = 0;
      return fail(ErrorCode::kIo, fmt::format("{}: {}", file.string(), gzerror(opened, &code)));
    }
    if (got == 0) break;
    std::string_view block{buffer.data(), static_cast<std::size_t>(got)};
    for (auto end = block.find('\n'); end != std::string_view::npos; end = block.find('\n')) {
      if (pending.empty()) {
        line(block.substr(0, end));
      } else {
        pending += block.substr(0, end);
        line(pending);
        pending.clear();
      }
      block.remove_prefix(end + 1);
    }
    pending += block;
    if (pending.size() > kMaxLine) {
      return fail(ErrorCode::kIo, fmt::format("{}: a line of over 64 MiB", file.string()));
    }
  }
  if (!pending.empty()) line(pending);
  return {};
}

}  // namespace perpwire::hyperliquid
