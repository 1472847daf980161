#include "libs/common/error_code.hpp"
#include "libs/keystore/keystore_folder.hpp"
#include "libs/keystore/passphrase.hpp"
#include "libs/venues/hyperliquid/cloid.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/fields.hpp"
#include "tools/cli/panic_venue.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <set>
#include <thread>
#include <unistd.h>

namespace perpwire::cli {
namespace {

namespace hl = hyperliquid;
using namespace std::chrono_literals;

constexpr std::size_t kCancelsInOneAction = 40;  // one weight: hyperliquid.md section 9.1
constexpr Nanos kPause = 300ms;
constexpr Nanos kLongPause = 3s;

struct PanicOptions {
  bool flatten = false;
  bool foreign = false;
  int slippage_bps = 500;
  int seconds = 60;
  std::string passphrase;
};

Failure wrong(const Error& error) {
  return {error.code == ErrorCode::kIo ? Exit::kFailed : Exit::kUsage, error.text};
}

/// Cancels what is open until nothing is, then closes what is held, and says each step.
class Panic {
 public:
  Panic(PanicVenue& venue, const AccountSettings& account, const PanicOptions& options,
        Nanos settled_after)
      : venue_(venue), account_(account), options_(options), settled_after_(settled_after) {}

  struct Outcome {
    bool confirmed = false;
    std::size_t cancelled = 0;  // that the venue acknowledged
    std::size_t closes = 0;     // closing orders sent
    std::size_t foreign = 0;    // open orders of others, left alone
    std::size_t positions = 0;  // still held
    std::string problem;        // the last thing that went wrong
  };

  Outcome run() {
    const Nanos begin = monotonic_now();
    const Nanos end = begin + std::chrono::seconds(options_.seconds);
    Nanos pause = kPause / 2;
    while (monotonic_now() < end) {
      const bool clean = round();
      // Orders that were signed before may land until they expire: clean counts after that.
      if (clean && monotonic_now() >= begin + settled_after_) {
        out_.confirmed = true;
        return out_;
      }
      if (clean && !said_waiting_) {
        said_waiting_ = true;
        say("nothing is open; watching until what was signed before can no longer arrive");
      }
      // A round weighs about 30 a DEX of the venue's 1,200 a minute: what comes after us needs
      // some.
      pause = std::min(clean ? kLongPause : pause * 2, kLongPause);
      const Nanos settled_in = begin + settled_after_ - monotonic_now();
      std::this_thread::sleep_for(clean && settled_in > Nanos{0} ? std::min(pause, settled_in)
                                                                 : pause);
    }
    return out_;
  }

 private:
  static void say(const std::string& text) { std::cerr << "panic: " << text << "\n"; }
  bool trouble(const std::string& what, const Error& error) {
    const auto text = what + ": " + error.text;
    if (text != out_.problem) say(text);
    out_.problem = text;
    return false;
  }

  /// Whether nothing was left to do and every question was answered.
  bool round() {
    if (venue_.instruments().all().empty()) {
      if (const auto read = venue_.load_instruments(); !read)
        return trouble("asset map", read.error());
    }
    bool clean = cancel_orders();
    clean = cancel_twaps() && clean;
    if (clean && options_.flatten) clean = close_positions();
    if (clean) out_.problem.clear();
    return clean;
  }

  [[nodiscard]] bool ours(const venues::OrderWord& order) const {
    return options_.foreign || account_.foreign_orders == ForeignOrders::kAll ||
           order.cloid.starts_with(account_.cloid_prefix);
  }

  bool cancel_orders() {
    const auto open = venue_.open_orders();
    if (!open) return trouble("open orders", open.error());
    hl::CancelAction action;
    std::size_t count = 0;
    out_.foreign = 0;
    bool all_known = true;
    const auto send = [&] {
      if (!action.cancels.empty()) act_and_count(action, action.cancels.size());
      action.cancels.clear();
    };
    for (const auto& order : *open) {
      if (!ours(order)) {
        ++out_.foreign;
        continue;
      }
      ++count;
      const auto* instrument = venue_.instruments().by_symbol(order.symbol.value());
      const auto id = order_id(order.venue_order_id.value());
      if (instrument == nullptr || id == 0) {
        all_known = trouble("order " + order.venue_order_id.value(),
                            Error{ErrorCode::kUnknownPair,
                                  "coin " + order.symbol.value() + " is not in the asset map"});
        continue;
      }
      action.cancels.push_back({instrument->asset, id});
      if (action.cancels.size() == kCancelsInOneAction) send();
    }
    send();
    if (count > 0) say(fmt::format("{} orders open, cancels sent", count));
    return count == 0 && all_known;
  }

  bool cancel_twaps() {
    const auto running = venue_.running_twaps();
    if (!running) return trouble("TWAPs", running.error());
    for (const auto& twap : *running) {
      const auto* instrument = venue_.instruments().by_symbol(twap.coin);
      if (instrument == nullptr) {
        trouble("TWAP", Error{ErrorCode::kUnknownPair, "coin " + twap.coin + " is not known"});
        continue;
      }
      act_and_count(hl::TwapCancelAction{instrument->asset, twap.id}, 1);
    }
    if (!running->empty()) say(fmt::format("{} TWAPs running, cancels sent", running->size()));
    return running->empty();
  }

  bool close_positions() {
    const auto held = venue_.positions();
    if (!held) return trouble("positions", held.error());
    out_.positions = held->size();
    for (const auto& position : *held) close(position);
    if (!held->empty()) say(fmt::format("{} positions held, closing orders sent", held->size()));
    return held->empty();
  }

  /// Reduce-only IOC of the whole position, at most --slippage-bps worse than its mark price.
  void close(const venues::PositionWord& position) {
    const auto* instrument = venue_.instruments().by_symbol(position.symbol.value());
    const auto price = instrument == nullptr ? std::nullopt : limit_price(*instrument, position);
    if (!price) {
      trouble("position " + position.symbol.value(),
              Error{ErrorCode::kUnknownPair, "no instrument or no mark price of it"});
      return;
    }
    hl::WireOrder order;
    order.asset = instrument->asset;
    order.is_buy = position.quantity.value().is_negative();
    order.price = *price;
    order.quantity = order.is_buy ? -position.quantity : position.quantity;
    order.reduce_only = true;
    order.type = hl::LimitType{hl::WireTif::kIoc};
    hl::OrderAction action;
    action.orders.push_back(order);
    ++out_.closes;
    act_and_count(action, 0);
  }

  [[nodiscard]] std::optional<Price> limit_price(const hl::Instrument& instrument,
                                                 const venues::PositionWord& position) const {
    const bool buy = position.quantity.value().is_negative();
    const auto mark = mark_price(position);
    const auto factor =
        Decimal::of(buy ? 10'000 + options_.slippage_bps : 10'000 - options_.slippage_bps, -4);
    if (!mark) return std::nullopt;
    const auto worse = multiply(widen(*mark), widen(factor));
    const auto narrowed =
        worse ? narrow(round_half_even(*worse, 8)) : tl::unexpected(worse.error());
    if (!narrowed) return std::nullopt;
    if (buy) return instrument.valid_price_at_or_above(Price{*narrowed});
    const auto below = instrument.valid_price_at_or_below(Price{*narrowed});
    return below ? std::optional(*below) : std::nullopt;
  }

  static std::optional<Decimal> mark_price(const venues::PositionWord& position) {
    if (position.mark_price) return position.mark_price->value();
    if (!position.position_value) return std::nullopt;
    const auto size = widen(position.quantity.value().abs());
    const auto price = divide(widen(*position.position_value), size, 8);
    if (!price) return std::nullopt;
    const auto narrowed = narrow(*price);
    return narrowed ? std::optional(*narrowed) : std::nullopt;
  }

  static std::uint64_t order_id(const std::string& text) {
    std::uint64_t id = 0;
    for (const char c : text) {
      if (c < '0' || c > '9') return 0;
      id = id * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return id;
  }

  void act_and_count(const hl::Action& action, std::size_t cancels) {
    const auto reply = venue_.act(action);
    if (!reply) {
      trouble(std::string(hl::action_type(action)), reply.error());
      return;
    }
    if (reply->kind == hl::ExchangeReply::Kind::kRefused) {
      trouble(std::string(hl::action_type(action)), Error{ErrorCode::kVenueRejected, reply->text});
      return;
    }
    for (std::size_t i = 0; i < std::max<std::size_t>(cancels, 1); ++i) {
      const auto* item = reply->item(i, std::max<std::size_t>(cancels, 1));
      if (item == nullptr) continue;
      if (item->kind == hl::ItemReply::Kind::kSuccess) ++out_.cancelled;
      if (item->kind == hl::ItemReply::Kind::kError) {
        trouble(std::string(hl::action_type(action)), Error{ErrorCode::kVenueRejected, item->text});
      }
    }
  }

  PanicVenue& venue_;
  const AccountSettings& account_;
  const PanicOptions& options_;
  Nanos settled_after_;
  Outcome out_;
  bool said_waiting_ = false;
};

cli::Outcome<void> print(Session& session, const std::string& account, const PanicOptions& options,
                         const Panic::Outcome& outcome) {
  if (session.json()) {
    std::cout << fmt::format(
        R"({{"account":{},"confirmed":{},"cancelled":{},"closes":{},"positions":{},"foreign_orders":{},"problem":{}}})"
        "\n",
        json_text(account), outcome.confirmed, outcome.cancelled, outcome.closes, outcome.positions,
        outcome.foreign, json_text(outcome.problem));
  } else if (outcome.confirmed) {
    std::cout << fmt::format(
        "confirmed: account {} has no open order{}; {} cancelled{}{}\n", account,
        options.flatten ? " and no position" : "", outcome.cancelled,
        options.flatten ? fmt::format(", {} closing orders", outcome.closes) : "",
        outcome.foreign > 0
            ? fmt::format("; {} orders of others left alone (--foreign)", outcome.foreign)
            : "");
  }
  if (outcome.confirmed) return {};
  return fail_with(Exit::kOutcomeUnknown,
                   fmt::format("not confirmed within {} s: {}", options.seconds,
                               outcome.problem.empty() ? "orders or positions are still open"
                                                       : outcome.problem));
}

cli::Outcome<void> panic(Session& session, const PanicOptions& options) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  const auto name = session.account();
  if (!name) return tl::unexpected(name.error());
  const auto& account = (*settings)->accounts.at(*name);
  if (options.flatten) {
    if (auto go = session.confirm(fmt::format("cancel every order of account {} and close its "
                                              "positions at up to {} bps from the mark price",
                                              *name, options.slippage_bps),
                                  "flatten");
        !go) {
      return go;
    }
  }
  const auto source = !options.passphrase.empty() ? options.passphrase
                      : isatty(STDIN_FILENO) != 0 ? "terminal"
                                                  : (*settings)->signer.passphrase;
  const auto passphrase = keystore::read_passphrase(source, "Passphrase of " + account.key + ": ");
  if (!passphrase) return tl::unexpected(wrong(passphrase.error()));
  auto key = keystore::load_key((*settings)->signer.keystore_dir, account.key, *passphrase);
  if (!key) return tl::unexpected(wrong(key.error()));
  PanicVenue venue((*settings)->venues.at(account.venue), account, (*settings)->network(),
                   std::move(*key), session.timeout());
  Panic procedure(venue, account, options, (*settings)->order_gateway.expires_after + 2s);
  return print(session, *name, options, procedure.run());
}

}  // namespace

void add_panic_command(Registry& registry) {
  const auto options = std::make_shared<PanicOptions>();
  auto& app =
      registry.add(registry.root, "panic",
                   "cancel everything of an account with the keystore alone, and confirm it",
                   [options](Session& session) { return panic(session, *options); });
  app.add_flag("--flatten", options->flatten, "close the positions too");
  app.add_flag("--foreign", options->foreign,
               "orders without our cloid prefix too (foreign_orders = \"all\" means it already)");
  app.add_option("--slippage-bps", options->slippage_bps, "of closing orders, from the mark price")
      ->check(CLI::Range(1, 5'000))
      ->capture_default_str();
  app.add_option("--seconds", options->seconds, "give up confirming after this")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();
  app.add_option(
      "--passphrase", options->passphrase,
      "where to read it: fd:N, credential:NAME or terminal; never the passphrase itself");
}

}  // namespace perpwire::cli
