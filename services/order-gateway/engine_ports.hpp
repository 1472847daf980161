#pragma once

#include "libs/common/result.hpp"
#include "libs/common/settings.hpp"
#include "libs/common/time.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/journal.pb.h"
#include "perpwire/v1/orders.pb.h"
#include "perpwire/v1/signing.pb.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What the deciding engine asks of its driver, and what the driver tells it. The service's driver
/// speaks to sockets; the simulation's to a seeded network: the engine cannot tell.
namespace perpwire::gateway {

/// The moment of an input on both clocks: the wall's for stamps, the monotonic one for intervals.
struct Now {
  UnixNanos wall;
  Nanos mono{0};
};

/// The journal. Synchronous: what is refused here must not be done.
class EventWriter {
 public:
  virtual ~EventWriter() = default;
  /// Numbers, journals, then publishes. False: the disk refused; nothing was numbered.
  virtual bool publish(const std::string& topic, v1::Envelope& envelope) = 0;
  /// Journals only.
  virtual bool note(v1::JournalRecord& record) = 0;
  /// At its size cap, or broken for good: no new orders, whatever it still takes.
  [[nodiscard]] virtual bool full() const { return false; }
  /// Index of the newest record; 0 where nothing is ever trimmed.
  [[nodiscard]] virtual std::uint64_t last_index() const { return 0; }
};

using ActionId = std::uint64_t;
using QueryId = std::uint64_t;
using SignId = std::uint64_t;

struct SignOut {
  SignId id = 0;
  v1::SignRequest request;
};
/// A signed body over the WebSocket, as a post with `post_id`.
struct SendWs {
  ActionId action = 0;
  std::uint64_t post_id = 0;
  std::string body;
};
/// The same bytes by POST /exchange.
struct SendRest {
  ActionId action = 0;
  std::string body;
};
/// A request of /info: over the WebSocket if `post_id` is not 0, else by POST /info.
struct AskOut {
  QueryId id = 0;
  std::uint64_t post_id = 0;
  std::string body;
};
/// A frame for the user stream's connection (subscriptions).
struct SendFrame {
  std::string text;
};
struct DropStream {
  std::string reason;
};
enum class LogLevel { kInfo, kWarning, kError };
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

using EngineOut = std::variant<SignOut, SendWs, SendRest, AskOut, SendFrame, DropStream, LogLine>;

/// Whether the bytes of one copy left this machine.
enum class CopyFate {
  kLeft,       // written whole
  kNeverLeft,  // provably not one byte
  kUnknown,    // the connection ended while they were being written
};

/// The answer to one copy, or that none will come.
struct CopyAnswer {
  enum class Kind {
    kBody,        // `body` is the venue's answer
    kHttpStatus,  // an answer that is none: `status`
    kNeverLeft,
    kLost,  // no answer: timeout, disconnect
  };
  Kind kind = Kind::kLost;
  std::string body;
  unsigned status = 0;
  std::string reason;
};

struct EngineSettings {
  std::string account;
  std::string address;  // lower case
  std::string network;  // mainnet, testnet
  std::string cloid_prefix;
  bool vault = false;
  std::vector<std::string> dexs{""};
  ForeignOrders foreign_orders = ForeignOrders::kMine;
  std::string holder = "order-gateway.main";  // of the lease
  std::string boot_id;
  std::uint64_t expires_after_ms = 8'000;
  WsPostSettings ws_post;
  std::size_t max_unanswered = 40;
  Nanos coalesce_window{0};  // orders and cancels within it share an action; 0 = each its own
  std::uint32_t default_slippage_bps = 50;
  Nanos reference_stale_after = std::chrono::seconds{5};
  Nanos reconcile_interval = std::chrono::seconds{10};
  Nanos final_order_retention = std::chrono::hours{1};
  std::size_t max_final_orders = 20'000;  // held in memory; the oldest go first
  bool stop_after_adjustment = true;
  bool refuse_self_trade = false;
  bool schedule_cancel = false;  // the configuration says both
  Nanos schedule_cancel_after = std::chrono::seconds{60};
  Nanos max_clock_skew = std::chrono::milliseconds{500};
  bool documented_limits = true;
  std::uint64_t ip_share_percent = 60;
  /// A new stream was opened: READY only once venue time has passed what an earlier life may have
  /// signed.
  bool journal_may_be_behind = false;
  bool need_risk = true;  // off in tests of other parts only
};

}  // namespace perpwire::gateway
