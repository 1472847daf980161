#include "libs/venues/hyperliquid/market_messages.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace perpwire::hyperliquid {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t kMaxFrameBytes = std::size_t{32} << 20;
constexpr std::size_t kMaxLevels = 4096;  // the venue sends 20; more than this is not a book

constexpr std::array<std::pair<Stream, std::string_view>, 6> kStreams{{
    {Stream::kAllMids, "allMids"},
    {Stream::kL2Book, "l2Book"},
    {Stream::kBbo, "bbo"},
    {Stream::kTrades, "trades"},
    {Stream::kCandle, "candle"},
    {Stream::kActiveAssetCtx, "activeAssetCtx"},
}};

constexpr std::array<std::pair<std::string_view, std::chrono::minutes>, 8> kIntervals{{
    {"1m", std::chrono::minutes{1}},
    {"3m", std::chrono::minutes{3}},
    {"5m", std::chrono::minutes{5}},
    {"15m", std::chrono::minutes{15}},
    {"30m", std::chrono::minutes{30}},
    {"1h", std::chrono::hours{1}},
    {"4h", std::chrono::hours{4}},
    {"1d", std::chrono::hours{24}},
}};

constexpr std::string_view kAccountStream = "account stream, not public market data";

/// Channels that exist and are not read here. Source: hyperliquid.md 8.3 and 8.4.
constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kIgnoredChannels{{
    {"allDexsAssetCtxs",
     "positional without coin names; activeAssetCtx has the same figures by coin"},
    {"fastAssetCtxs", "compressed copy of figures that activeAssetCtx carries"},
    {"assetCtxs", "undocumented; activeAssetCtx has the same figures by coin"},
    {"spotAssetCtxs", "undocumented; activeSpotAssetCtx has the same figures by coin"},
    {"outcomeMetaUpdates", "outcome markets (HIP-4) are not supported"},
    {"explorerBlock", "block explorer, not market data"},
    {"explorerTxs", "block explorer, not market data"},
    {"orderUpdates", kAccountStream},
    {"user", kAccountStream},
    {"userEvents", kAccountStream},
    {"userFills", kAccountStream},
    {"userFundings", kAccountStream},
    {"userNonFundingLedgerUpdates", kAccountStream},
    {"userTwapSliceFills", kAccountStream},
    {"userTwapHistory", kAccountStream},
    {"userHistoricalOrders", kAccountStream},
    {"openOrders", kAccountStream},
    {"clearinghouseState", kAccountStream},
    {"allDexsClearinghouseState", kAccountStream},
    {"spotState", kAccountStream},
    {"activeAssetData", kAccountStream},
    {"twapStates", kAccountStream},
    {"webData3", kAccountStream},
    {"notification", kAccountStream},
}};

enum class Channel {
  kL2Book,
  kBbo,
  kTrades,
  kCandle,
  kActiveAssetCtx,
  kActiveSpotAssetCtx,
  kAllMids,
  kSubscriptionResponse,
  kPong,
  kError,
  kPost,
  kOther,
};

Channel channel_from(std::string_view name) {
  if (name == "l2Book") return Channel::kL2Book;
  if (name == "bbo") return Channel::kBbo;
  if (name == "trades") return Channel::kTrades;
  if (name == "activeAssetCtx") return Channel::kActiveAssetCtx;
  if (name == "candle") return Channel::kCandle;
  if (name == "allMids") return Channel::kAllMids;
  if (name == "activeSpotAssetCtx") return Channel::kActiveSpotAssetCtx;
  if (name == "subscriptionResponse") return Channel::kSubscriptionResponse;
  if (name == "pong") return Channel::kPong;
  if (name == "error") return Channel::kError;
  if (name == "post") return Channel::kPost;
  return Channel::kOther;
}

IgnoredFrame ignored_channel(std::string_view name) {
  const auto* found = std::find_if(kIgnoredChannels.begin(), kIgnoredChannels.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (found == kIgnoredChannels.end()) {
    return {.channel = name, .reason = "unknown channel", .known = false};
  }
  return {.channel = found->first, .reason = found->second};
}

std::string_view to_string(od::json_type type) {
  switch (type) {
    case od::json_type::array:
      return "an array";
    case od::json_type::object:
      return "an object";
    case od::json_type::number:
      return "a number";
    case od::json_type::string:
      return "a text";
    case od::json_type::boolean:
      return "a boolean";
    case od::json_type::null:
      return "null";
  }
  return "something else";
}

/// The beginning of a frame, printable, for error texts.
std::string excerpt(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string out{text.substr(0, kShown)};
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kShown) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

enum class Digits { kExact, kMayRound };

/// Reads values and remembers the first thing that is wrong, as "field: expected X, found Y".
class Reader {
 public:
  explicit Reader(std::uint64_t& rounded) : rounded_(rounded) {}

  [[nodiscard]] const std::string& error() const { return error_; }

  bool mismatch(std::string_view field, std::string_view expected, std::string_view found) {
    if (error_.empty()) error_ = fmt::format("{}: expected {}, found {}", field, expected, found);
    return false;
  }
  bool mismatch(std::string_view field, std::string_view expected, od::value& value) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return broken(field);
    return mismatch(field, expected, to_string(type));
  }
  bool missing(std::string_view field) { return mismatch(field, "a value", "none"); }
  bool broken(std::string_view field) {
    return mismatch(field, "well-formed JSON", "something else");
  }

  bool object(od::value value, std::string_view field, od::object& out) {
    return value.get_object().get(out) == simdjson::SUCCESS || mismatch(field, "an object", value);
  }
  bool array(od::value value, std::string_view field, od::array& out) {
    return value.get_array().get(out) == simdjson::SUCCESS || mismatch(field, "an array", value);
  }
  bool text(od::value value, std::string_view field, std::string_view& out) {
    return value.get_string().get(out) == simdjson::SUCCESS || mismatch(field, "a text", value);
  }
  bool count(od::value value, std::string_view field, std::uint64_t& out) {
    return value.get_uint64().get(out) == simdjson::SUCCESS ||
           mismatch(field, "a whole number of at most 64 bits", value);
  }
  bool millis(od::value value, std::string_view field, UnixNanos& out) {
    constexpr std::uint64_t kMax = INT64_MAX / 1'000'000;
    std::uint64_t found = 0;
    if (value.get_uint64().get(found) != simdjson::SUCCESS) {
      return mismatch(field, "unix milliseconds", value);
    }
    if (found >= kMax) return mismatch(field, "unix milliseconds", fmt::format("{}", found));
    out = UnixNanos::from_millis(static_cast<std::int64_t>(found));
    return true;
  }
  bool null(od::value& value) {
    od::json_type type{};
    return value.type().get(type) == simdjson::SUCCESS && type == od::json_type::null;
  }

  /// A number in a text ("0.5"), as the venue sends them; a bare JSON number is taken by its
  /// digits.
  bool decimal(od::value value, std::string_view field, Digits digits, Decimal& out) {
    od::raw_json_string raw;
    if (value.get_raw_json_string().get(raw) == simdjson::SUCCESS) {
      return quoted_decimal(raw.raw(), field, digits, out);
    }
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return broken(field);
    if (type != od::json_type::number) return mismatch(field, "a decimal number", to_string(type));
    std::string_view token = value.raw_json_token();
    token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
    const auto number = Decimal::parse_json_number(token);
    if (!number) return mismatch(field, "a decimal number", excerpt(token));
    out = *number;
    return true;
  }
  bool price(od::value value, std::string_view field, Price& out) {
    Decimal number;
    if (!decimal(value, field, Digits::kExact, number)) return false;
    if (number.is_negative()) return mismatch(field, "a price", number.to_string());
    out = Price{number};
    return true;
  }
  bool quantity(od::value value, std::string_view field, Digits digits, Quantity& out) {
    Decimal number;
    if (!decimal(value, field, digits, number)) return false;
    if (number.is_negative()) return mismatch(field, "a quantity", number.to_string());
    out = Quantity{number};
    return true;
  }

 private:
  /// `at` is behind the opening quote of a text that stage 1 has found closed, in a padded buffer.
  bool quoted_decimal(const char* at, std::string_view field, Digits digits, Decimal& out) {
    const char* const begin = at;
    const bool negative = *at == '-';
    if (negative) ++at;
    std::uint64_t mantissa = 0;  // may wrap: then there are more than 18 digits and it is not used
    const char* const whole_begin = at;
    for (; static_cast<unsigned char>(*at - '0') < 10; ++at) {
      mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
    }
    const auto whole = at - whole_begin;
    std::ptrdiff_t fraction = 0;
    if (whole > 0 && *at == '.') {
      const char* const fraction_begin = ++at;
      for (; static_cast<unsigned char>(*at - '0') < 10; ++at) {
        mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at - '0');
      }
      fraction = at - fraction_begin;
    }
    constexpr std::ptrdiff_t kShortDigits = 18;  // always fit 64 bits
    if (whole > 0 && *at == '"' && at[-1] != '.' && whole + fraction <= kShortDigits) {
      const auto magnitude = static_cast<std::int64_t>(mantissa);
      out = Decimal::of(negative ? -magnitude : magnitude, -static_cast<int>(fraction));
      return true;
    }
    const auto* const end = static_cast<const char*>(std::strchr(begin, '"'));
    const std::string_view all{begin, end == nullptr ? 0 : static_cast<std::size_t>(end - begin)};
    bool rounded = false;
    const auto number =
        digits == Digits::kExact ? Decimal::parse(all) : Decimal::parse_rounded(all, rounded);
    if (!number) return mismatch(field, "a decimal number of at most 64 bits", excerpt(all));
    if (rounded) ++rounded_;
    out = *number;
    return true;
  }

  std::uint64_t& rounded_;
  std::string error_;
};

/// Calls `read(key, value)` for each field; false ends the walk.
template <class Read>
bool each_field(Reader& reader, od::object object, std::string_view where, Read&& read) {
  for (auto field : object) {
    od::raw_json_string key;
    od::value value;
    if (field.key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS) {
      return reader.broken(where);
    }
    if (!read(key, value)) return false;
  }
  return true;
}

template <class Read>
bool each_element(Reader& reader, od::array array, std::string_view where, Read&& read) {
  for (auto element : array) {
    od::value value;
    if (element.get(value) != simdjson::SUCCESS) return reader.broken(where);
    if (!read(value)) return false;
  }
  return true;
}

bool read_level(Reader& reader, od::value value, BookLevel& out) {
  od::object object;
  if (!reader.object(value, "level", object)) return false;
  bool has_price = false;
  bool has_quantity = false;
  std::uint64_t orders = 0;
  const bool read =
      each_field(reader, object, "level", [&](od::raw_json_string key, od::value field) {
        if (key == "px") return has_price = reader.price(field, "px", out.price);
        if (key == "sz")
          return has_quantity = reader.quantity(field, "sz", Digits::kExact, out.quantity);
        if (key == "n") return reader.count(field, "n", orders);
        return true;
      });
  if (!read) return false;
  if (!has_price) return reader.missing("px");
  if (!has_quantity) return reader.missing("sz");
  out.orders = static_cast<std::uint32_t>(std::min<std::uint64_t>(orders, UINT32_MAX));
  return true;
}

bool read_side(Reader& reader, od::value value, std::vector<BookLevel>& out) {
  od::array levels;
  if (!reader.array(value, "levels", levels)) return false;
  return each_element(reader, levels, "levels", [&](od::value level) {
    if (out.size() == kMaxLevels) {
      return reader.mismatch("levels", fmt::format("at most {} a side", kMaxLevels), "more");
    }
    return read_level(reader, level, out.emplace_back());
  });
}

bool read_book(Reader& reader, od::value data, BookMessage& out) {
  out.coin = {};
  out.bids.clear();
  out.asks.clear();
  out.aggregated = false;
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  bool has_time = false;
  int sides = 0;
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "coin") return reader.text(value, "coin", out.coin);
        if (key == "time") return has_time = reader.millis(value, "time", out.time);
        if (key == "spread") return out.aggregated = true;
        if (key == "levels") {
          od::array both;
          if (!reader.array(value, "levels", both)) return false;
          sides = 0;
          return each_element(reader, both, "levels", [&](od::value side) {
            if (++sides > 2) return reader.mismatch("levels", "two sides", "more");
            auto& levels = sides == 1 ? out.bids : out.asks;
            levels.clear();
            return read_side(reader, side, levels);
          });
        }
        return true;
      });
  if (!read) return false;
  if (out.coin.empty()) return reader.missing("coin");
  if (!has_time) return reader.missing("time");
  return sides == 2 || reader.mismatch("levels", "two sides", fmt::format("{}", sides));
}

bool read_bbo(Reader& reader, od::value data, BboMessage& out) {
  out.coin = {};
  out.bid.reset();
  out.ask.reset();
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  bool has_time = false;
  int sides = 0;
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "coin") return reader.text(value, "coin", out.coin);
        if (key == "time") return has_time = reader.millis(value, "time", out.time);
        if (key == "bbo") {
          od::array both;
          if (!reader.array(value, "bbo", both)) return false;
          sides = 0;
          return each_element(reader, both, "bbo", [&](od::value side) {
            if (++sides > 2) return reader.mismatch("bbo", "two sides", "more");
            auto& level = sides == 1 ? out.bid : out.ask;
            level.reset();
            return reader.null(side) || read_level(reader, side, level.emplace());
          });
        }
        return true;
      });
  if (!read) return false;
  if (out.coin.empty()) return reader.missing("coin");
  if (!has_time) return reader.missing("time");
  return sides == 2 || reader.mismatch("bbo", "two sides", fmt::format("{}", sides));
}

bool read_trade(Reader& reader, od::value element, TradeItem& out) {
  od::object object;
  if (!reader.object(element, "trade", object)) return false;
  bool has_price = false;
  bool has_quantity = false;
  bool has_time = false;
  bool has_id = false;
  bool has_side = false;
  const bool read =
      each_field(reader, object, "trade", [&](od::raw_json_string key, od::value value) {
        if (key == "coin") return reader.text(value, "coin", out.coin);
        if (key == "px") return has_price = reader.price(value, "px", out.price);
        if (key == "sz")
          return has_quantity = reader.quantity(value, "sz", Digits::kExact, out.quantity);
        if (key == "time") return has_time = reader.millis(value, "time", out.time);
        if (key == "tid") return has_id = reader.count(value, "tid", out.trade_id);
        if (key == "side") {
          std::string_view side;
          if (!reader.text(value, "side", side)) return false;
          if (side != "A" && side != "B") return reader.mismatch("side", "A or B", excerpt(side));
          out.side = side == "B" ? Side::kBuy : Side::kSell;
          return has_side = true;
        }
        return true;
      });
  if (!read) return false;
  if (out.coin.empty()) return reader.missing("coin");
  if (!has_side) return reader.missing("side");
  if (!has_price) return reader.missing("px");
  if (!has_quantity) return reader.missing("sz");
  if (!has_time) return reader.missing("time");
  return has_id || reader.missing("tid");
}

bool read_trades(Reader& reader, od::value data, TradesMessage& out) {
  out.trades.clear();
  od::array array;
  if (!reader.array(data, "data", array)) return false;
  return each_element(reader, array, "data", [&](od::value element) {
    return read_trade(reader, element, out.trades.emplace_back());
  });
}

bool read_candle(Reader& reader, od::value element, CandleItem& out) {
  od::object object;
  if (!reader.object(element, "candle", object)) return false;
  enum Seen : unsigned {
    kOpenTime = 1,
    kCloseTime = 2,
    kOpen = 4,
    kClose = 8,
    kHigh = 16,
    kLow = 32,
    kVolume = 64
  };
  unsigned seen = 0;
  const auto mark = [&](bool ok, Seen field) {
    if (ok) seen |= field;
    return ok;
  };
  const bool read =
      each_field(reader, object, "candle", [&](od::raw_json_string key, od::value value) {
        if (key == "t") return mark(reader.millis(value, "t", out.open_time), kOpenTime);
        if (key == "T") {
          if (!reader.millis(value, "T", out.close_time)) return false;
          out.close_time = out.close_time + std::chrono::milliseconds{1};
          return mark(true, kCloseTime);
        }
        if (key == "s") return reader.text(value, "s", out.coin);
        if (key == "i") return reader.text(value, "i", out.interval);
        if (key == "o") return mark(reader.price(value, "o", out.open), kOpen);
        if (key == "c") return mark(reader.price(value, "c", out.close), kClose);
        if (key == "h") return mark(reader.price(value, "h", out.high), kHigh);
        if (key == "l") return mark(reader.price(value, "l", out.low), kLow);
        if (key == "v")
          return mark(reader.quantity(value, "v", Digits::kMayRound, out.volume), kVolume);
        if (key == "n") return reader.count(value, "n", out.trades);
        return true;
      });
  if (!read) return false;
  if (out.coin.empty()) return reader.missing("s");
  if (out.interval.empty()) return reader.missing("i");
  constexpr std::array<std::pair<Seen, std::string_view>, 7> kRequired{{{kOpenTime, "t"},
                                                                        {kCloseTime, "T"},
                                                                        {kOpen, "o"},
                                                                        {kClose, "c"},
                                                                        {kHigh, "h"},
                                                                        {kLow, "l"},
                                                                        {kVolume, "v"}}};
  for (const auto& [field, name] : kRequired) {
    if ((seen & field) == 0) return reader.missing(name);
  }
  return true;
}

bool read_candles(Reader& reader, od::value data, CandlesMessage& out) {
  out.candles.clear();
  od::json_type type{};
  if (data.type().get(type) != simdjson::SUCCESS) return reader.broken("data");
  if (type == od::json_type::object) return read_candle(reader, data, out.candles.emplace_back());
  od::array array;
  if (!reader.array(data, "data", array)) return false;
  return each_element(reader, array, "data", [&](od::value element) {
    return read_candle(reader, element, out.candles.emplace_back());
  });
}

bool read_context(Reader& reader, od::value element, AssetContext& out) {
  od::object object;
  if (!reader.object(element, "ctx", object)) return false;
  return each_field(reader, object, "ctx", [&](od::raw_json_string key, od::value value) {
    const auto optional_price = [&](std::string_view name, std::optional<Price>& price) {
      return reader.null(value) || reader.price(value, name, price.emplace());
    };
    if (key == "markPx") return optional_price("markPx", out.mark_price);
    if (key == "oraclePx") return optional_price("oraclePx", out.oracle_price);
    if (key == "midPx") return optional_price("midPx", out.mid_price);
    if (key == "funding") {
      return reader.null(value) ||
             reader.decimal(value, "funding", Digits::kMayRound, out.funding_rate.emplace());
    }
    if (key == "openInterest") {
      return reader.null(value) ||
             reader.quantity(value, "openInterest", Digits::kMayRound, out.open_interest.emplace());
    }
    return true;
  });
}

bool read_asset_context(Reader& reader, od::value data, AssetContextMessage& out) {
  out.coin = {};
  out.context = {};
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  bool has_context = false;
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "coin") return reader.text(value, "coin", out.coin);
        if (key == "ctx") return has_context = read_context(reader, value, out.context);
        return true;
      });
  if (!read) return false;
  if (out.coin.empty()) return reader.missing("coin");
  return has_context || reader.missing("ctx");
}

bool read_mid_map(Reader& reader, od::object object, MidsMessage& out) {
  out.mids.clear();
  for (auto field : object) {
    MidItem item;
    od::value value;
    if (field.unescaped_key().get(item.coin) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS) {
      return reader.broken("mids");
    }
    if (!reader.price(value, item.coin, item.price)) return false;
    out.mids.push_back(item);
  }
  return true;
}

bool read_all_mids(Reader& reader, od::value data, MidsMessage& out) {
  out.dex = {};
  out.mids.clear();
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  bool has_mids = false;
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "dex") return reader.null(value) || reader.text(value, "dex", out.dex);
        if (key == "mids") {
          od::object mids;
          return has_mids = reader.object(value, "mids", mids) && read_mid_map(reader, mids, out);
        }
        return true;
      });
  return read && (has_mids || reader.missing("mids"));
}

/// Nothing in `out` for streams that are not public ones of ours.
bool read_subscription(Reader& reader, od::object object, std::optional<Subscription>& out) {
  out.reset();
  Subscription found;
  std::string_view type;
  const bool read =
      each_field(reader, object, "subscription", [&](od::raw_json_string key, od::value value) {
        const auto optional_text = [&](std::string_view name, std::string& into) {
          std::string_view text;
          if (reader.null(value)) return true;
          if (!reader.text(value, name, text)) return false;
          into = text;
          return true;
        };
        if (key == "type") return reader.text(value, "type", type);
        if (key == "coin") return optional_text("coin", found.coin);
        if (key == "interval") return optional_text("interval", found.interval);
        if (key == "dex") return optional_text("dex", found.dex);
        return true;
      });
  if (!read) return false;
  if (type.empty()) return reader.missing("type");
  if (const auto stream = stream_from_string(type)) {
    found.stream = *stream;
    // The echo of a coin's stream may carry a dex beside the coin, which names its DEX itself.
    if (*stream != Stream::kAllMids) found.dex.clear();
    out = std::move(found);
  }
  return true;
}

bool read_subscription_reply(Reader& reader, od::value data, SubscriptionReply& out) {
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  std::string_view method;
  bool has_subscription = false;
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "method") return reader.text(value, "method", method);
        if (key == "subscription") {
          od::object subscription;
          return has_subscription = reader.object(value, "subscription", subscription) &&
                                    read_subscription(reader, subscription, out.subscription);
        }
        return true;
      });
  if (!read) return false;
  if (!has_subscription) return reader.missing("subscription");
  if (method != "subscribe" && method != "unsubscribe") {
    return reader.mismatch("method", "subscribe or unsubscribe", excerpt(method));
  }
  out.subscribed = method == "subscribe";
  return true;
}

bool read_post(Reader& reader, od::value data, PostReply& out) {
  od::object object;
  if (!reader.object(data, "data", object)) return false;
  bool has_id = false;
  const auto payload = [&](od::value value) {
    od::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return reader.broken("payload");
    if (type == od::json_type::object) {
      od::object body;
      return value.get_object().get(body) == simdjson::SUCCESS &&
             (body.raw_json().get(out.payload) == simdjson::SUCCESS || reader.broken("payload"));
    }
    if (type == od::json_type::array) {
      od::array body;
      return value.get_array().get(body) == simdjson::SUCCESS &&
             (body.raw_json().get(out.payload) == simdjson::SUCCESS || reader.broken("payload"));
    }
    if (type == od::json_type::string) return reader.text(value, "payload", out.payload);
    return true;
  };
  const bool read =
      each_field(reader, object, "data", [&](od::raw_json_string key, od::value value) {
        if (key == "id") return has_id = reader.count(value, "id", out.id);
        if (key == "response") {
          od::object response;
          return reader.object(value, "response", response) &&
                 each_field(reader, response, "response",
                            [&](od::raw_json_string name, od::value field) {
                              if (name == "type") return reader.text(field, "type", out.type);
                              if (name == "payload") return payload(field);
                              return true;
                            });
        }
        return true;
      });
  if (!read) return false;
  if (!has_id) return reader.missing("id");
  return !out.type.empty() || reader.missing("response.type");
}

struct ErrorPrefix {
  std::string_view prefix;
  VenueError::Kind kind;
  bool holds_subscription;
};
constexpr std::array<ErrorPrefix, 7> kErrorPrefixes{{
    {"Already subscribed", VenueError::Kind::kAlreadySubscribed, true},
    {"Already unsubscribed", VenueError::Kind::kAlreadyUnsubscribed, true},
    {"Invalid subscription", VenueError::Kind::kInvalidSubscription, true},
    {"Error parsing JSON into valid websocket request", VenueError::Kind::kUnparsableRequest, true},
    {"Cannot subscribe to more than", VenueError::Kind::kTooManySubscriptions, false},
    {"Cannot send more than", VenueError::Kind::kTooManyMessages, false},
    {"too many pending post requests", VenueError::Kind::kTooManyPosts, false},
}};

/// A parser with a padded buffer that grows and is used again.
class Document {
 public:
  /// Errors: a text for people.
  const char* load(std::string_view text) {
    if (text.size() > kMaxFrameBytes) return "larger than 32 MiB";
    if (buffer_.size() < text.size() + simdjson::SIMDJSON_PADDING) {
      buffer_.resize(2 * text.size() + simdjson::SIMDJSON_PADDING);
    }
    if (!text.empty()) std::memcpy(buffer_.data(), text.data(), text.size());
    std::memset(buffer_.data() + text.size(), 0, simdjson::SIMDJSON_PADDING);
    const auto error = parser_.iterate(buffer_.data(), text.size(), buffer_.size()).get(document_);
    return error == simdjson::SUCCESS ? nullptr : simdjson::error_message(error);
  }
  od::document& get() { return document_; }
  /// Whether the walk has reached the end: nothing stands behind the value that was read.
  bool at_end() { return document_.current_location().error() == simdjson::OUT_OF_BOUNDS; }

 private:
  std::vector<char> buffer_;
  od::parser parser_;
  od::document document_;
};

}  // namespace

std::string_view to_string(Stream stream) {
  for (const auto& [value, text] : kStreams) {
    if (value == stream) return text;
  }
  return "";
}

std::optional<Stream> stream_from_string(std::string_view text) {
  for (const auto& [value, name] : kStreams) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::string to_json(const Subscription& subscription) {
  std::string out = R"({"type":)";
  append_quoted(to_string(subscription.stream), out);
  const auto member = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out += fmt::format(",\"{}\":", name);
    append_quoted(value, out);
  };
  member("coin", subscription.coin);
  member("interval", subscription.interval);
  member("dex", subscription.dex);
  out.push_back('}');
  return out;
}

std::string subscribe_text(const Subscription& subscription) {
  return R"({"method":"subscribe","subscription":)" + to_json(subscription) + "}";
}

std::string unsubscribe_text(const Subscription& subscription) {
  return R"({"method":"unsubscribe","subscription":)" + to_json(subscription) + "}";
}

Result<Subscription> parse_subscription(std::string_view json) {
  Document document;
  std::uint64_t rounded = 0;
  Reader reader{rounded};
  if (const char* error = document.load(json)) {
    return fail(ErrorCode::kMalformed,
                fmt::format("hyperliquid subscription: {} in {}", error, excerpt(json)));
  }
  od::object object;
  std::optional<Subscription> found;
  if (document.get().get_object().get(object) != simdjson::SUCCESS) {
    reader.mismatch("subscription", "an object", "something else");
  } else {
    ignore(read_subscription(reader, object, found), "the reader keeps what is wrong");
  }
  if (!found) {
    return fail(ErrorCode::kMalformed,
                fmt::format("hyperliquid subscription: {} in {}",
                            reader.error().empty() ? "not a public stream" : reader.error(),
                            excerpt(json)));
  }
  return *found;
}

bool is_candle_interval(std::string_view interval) { return interval_length(interval).has_value(); }

std::optional<Nanos> interval_length(std::string_view interval) {
  for (const auto& [name, length] : kIntervals) {
    if (name == interval) return length;
  }
  return std::nullopt;
}

struct MarketMessageParser::Impl {
  Document document;
  std::uint64_t rounded = 0;
  BookMessage book;
  BboMessage bbo;
  TradesMessage trades;
  CandlesMessage candles;
  AssetContextMessage context;
  MidsMessage mids;
  std::vector<AssetContextMessage> contexts;

  tl::unexpected<Error> malformed(std::string_view where, std::string_view why,
                                  std::string_view text) const {
    return fail(ErrorCode::kMalformed,
                fmt::format("hyperliquid {}: {}; in {}", where, why, excerpt(text)));
  }

  VenueError venue_error(std::string_view text) const {
    VenueError error;
    error.text = text;
    for (const auto& entry : kErrorPrefixes) {
      if (!text.starts_with(entry.prefix)) continue;
      error.kind = entry.kind;
      const auto brace = text.find('{');
      if (!entry.holds_subscription || brace == std::string_view::npos) break;
      // The text holds the subscription itself or the whole request around it.
      const auto inner = text.find('{', text.find("\"subscription\""));
      for (const auto at : {brace, inner}) {
        if (at == std::string_view::npos) continue;
        const auto last = text.rfind('}');
        for (auto end = last; end != std::string_view::npos && end > at && !error.subscription;
             end = end == 0 ? std::string_view::npos : text.rfind('}', end - 1)) {
          if (last - end > 1) break;  // at most the one brace of the surrounding request
          auto subscription = parse_subscription(text.substr(at, end + 1 - at));
          if (subscription) error.subscription = std::move(*subscription);
        }
      }
      break;
    }
    return error;
  }

  /// Reads `data` of a channel. Returns: false with the reason in `reader`.
  bool read(Reader& reader, Channel channel, od::value data, Frame& out) {
    switch (channel) {
      case Channel::kL2Book:
        out = &book;
        return read_book(reader, data, book);
      case Channel::kBbo:
        out = &bbo;
        return read_bbo(reader, data, bbo);
      case Channel::kTrades:
        out = &trades;
        return read_trades(reader, data, trades);
      case Channel::kCandle:
        out = &candles;
        return read_candles(reader, data, candles);
      case Channel::kActiveAssetCtx:
      case Channel::kActiveSpotAssetCtx:
        context.spot = channel == Channel::kActiveSpotAssetCtx;
        out = &context;
        return read_asset_context(reader, data, context);
      case Channel::kAllMids:
        out = &mids;
        return read_all_mids(reader, data, mids);
      case Channel::kSubscriptionResponse: {
        SubscriptionReply reply;
        const bool ok = read_subscription_reply(reader, data, reply);
        out = std::move(reply);
        return ok;
      }
      case Channel::kError: {
        std::string_view text;
        if (!reader.text(data, "data", text)) return false;
        out = venue_error(text);
        return true;
      }
      case Channel::kPost: {
        PostReply reply;
        const bool ok = read_post(reader, data, reply);
        out = reply;
        return ok;
      }
      case Channel::kPong:
      case Channel::kOther:
        return true;
    }
    return true;
  }

  Result<Frame> parse(std::string_view text) {
    if (text.starts_with("Websocket connection established")) return Frame{Greeting{}};
    if (const char* error = document.load(text)) return malformed("frame", error, text);
    Reader reader{rounded};
    od::object root;
    if (document.get().get_object().get(root) != simdjson::SUCCESS) {
      return malformed("frame", "expected an object with channel and data", text);
    }
    std::string_view name;
    Channel channel = Channel::kOther;
    Frame frame;
    bool has_data = false;
    bool data_before_channel = false;
    const bool walked =
        each_field(reader, root, "frame", [&](od::raw_json_string key, od::value value) {
          if (key == "channel") {
            if (!reader.text(value, "channel", name)) return false;
            channel = channel_from(name);
            return true;
          }
          if (key == "data") {
            if (name.empty()) return data_before_channel = true;
            return has_data = read(reader, channel, value, frame);
          }
          return true;
        });
    if (!walked) return malformed(name.empty() ? "frame" : name, reader.error(), text);
    if (name.empty()) return malformed("frame", "no channel", text);
    if (!document.at_end()) return malformed(name, "text behind the frame", text);
    if (channel == Channel::kOther) return Frame{ignored_channel(name)};
    if (channel == Channel::kPong) return Frame{Pong{}};
    if (data_before_channel && !has_data) {
      // Rewinding frees the text buffer that `name` points into: `channel` is all that is needed
      // from here on.
      document.get().rewind();
      od::value data;
      if (document.get().find_field_unordered("data").get(data) != simdjson::SUCCESS ||
          !read(reader, channel, data, frame)) {
        return malformed("frame", reader.error(), text);
      }
      has_data = true;
    }
    if (!has_data) return malformed(name, "no data", text);
    return frame;
  }

  /// Loads an answer and hands its root value to `read`.
  template <class Read>
  Status answer(std::string_view what, std::string_view text, Read&& read) {
    if (const char* error = document.load(text)) return malformed(what, error, text);
    Reader reader{rounded};
    od::value root;
    if (document.get().get_value().get(root) != simdjson::SUCCESS) {
      // A bare scalar is no value of a document for simdjson; `null` is how the venue says that it
      // does not know.
      if (text.substr(0, text.find_last_not_of(" \r\n\t") + 1) == "null") {
        return fail(ErrorCode::kUnknownPair,
                    fmt::format("hyperliquid {}: the venue answered null", what));
      }
      return malformed(what, "expected an object or an array", text);
    }
    if (!read(reader, root)) return malformed(what, reader.error(), text);
    if (!document.at_end()) return malformed(what, "text behind the answer", text);
    return {};
  }
};

MarketMessageParser::MarketMessageParser() : impl_(std::make_unique<Impl>()) {}
MarketMessageParser::~MarketMessageParser() = default;
MarketMessageParser::MarketMessageParser(MarketMessageParser&&) noexcept = default;
MarketMessageParser& MarketMessageParser::operator=(MarketMessageParser&&) noexcept = default;

Result<Frame> MarketMessageParser::parse(std::string_view text) { return impl_->parse(text); }

Result<const BookMessage*> MarketMessageParser::parse_l2_book(std::string_view answer) {
  auto& out = impl_->book;
  return impl_
      ->answer("l2Book answer", answer,
               [&](Reader& reader, od::value root) { return read_book(reader, root, out); })
      .map([&] { return static_cast<const BookMessage*>(&out); });
}

Result<const TradesMessage*> MarketMessageParser::parse_recent_trades(std::string_view answer) {
  auto& out = impl_->trades;
  return impl_
      ->answer("recentTrades answer", answer,
               [&](Reader& reader, od::value root) { return read_trades(reader, root, out); })
      .map([&] { return static_cast<const TradesMessage*>(&out); });
}

Result<const CandlesMessage*> MarketMessageParser::parse_candle_snapshot(std::string_view answer) {
  auto& out = impl_->candles;
  return impl_
      ->answer("candleSnapshot answer", answer,
               [&](Reader& reader, od::value root) { return read_candles(reader, root, out); })
      .map([&] { return static_cast<const CandlesMessage*>(&out); });
}

Result<const MidsMessage*> MarketMessageParser::parse_all_mids(std::string_view answer) {
  auto& out = impl_->mids;
  out.dex = {};
  return impl_
      ->answer("allMids answer", answer,
               [&](Reader& reader, od::value root) {
                 od::object object;
                 return reader.object(root, "answer", object) && read_mid_map(reader, object, out);
               })
      .map([&] { return static_cast<const MidsMessage*>(&out); });
}

Result<const std::vector<AssetContextMessage>*> MarketMessageParser::parse_meta_and_contexts(
    std::string_view answer) {
  auto& out = impl_->contexts;
  out.clear();
  std::size_t part = 0;
  std::size_t at = 0;
  const auto read_universe = [&](Reader& reader, od::value meta) {
    od::object object;
    if (!reader.object(meta, "meta", object)) return false;
    return each_field(reader, object, "meta", [&](od::raw_json_string key, od::value value) {
      if (!(key == "universe")) return true;
      od::array universe;
      return reader.array(value, "universe", universe) &&
             each_element(reader, universe, "universe", [&](od::value asset) {
               auto& entry = out.emplace_back();
               od::object fields;
               if (!reader.object(asset, "universe", fields)) return false;
               const bool read = each_field(
                   reader, fields, "universe", [&](od::raw_json_string name, od::value field) {
                     return !(name == "name") || reader.text(field, "name", entry.coin);
                   });
               return read && (!entry.coin.empty() || reader.missing("name"));
             });
    });
  };
  const auto status =
      impl_->answer("metaAndAssetCtxs answer", answer, [&](Reader& reader, od::value root) {
        od::array parts;
        if (!reader.array(root, "answer", parts)) return false;
        const bool read = each_element(reader, parts, "answer", [&](od::value value) {
          if (++part == 1) return read_universe(reader, value);
          if (part > 2) return reader.mismatch("answer", "meta and contexts", "more");
          od::array contexts;
          return reader.array(value, "contexts", contexts) &&
                 each_element(reader, contexts, "contexts", [&](od::value context) {
                   if (at == out.size())
                     return reader.mismatch("contexts", "as many as universe", "more");
                   return read_context(reader, context, out[at++].context);
                 });
        });
        if (!read) return false;
        return (part == 2 && at == out.size()) ||
               reader.mismatch("contexts", fmt::format("{} of them", out.size()),
                               fmt::format("{}", at));
      });
  if (!status) return tl::unexpected(status.error());
  return static_cast<const std::vector<AssetContextMessage>*>(&out);
}

std::uint64_t MarketMessageParser::rounded_figures() const { return impl_->rounded; }

}  // namespace perpwire::hyperliquid
