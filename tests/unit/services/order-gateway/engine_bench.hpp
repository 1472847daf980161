#pragma once

#include "libs/journal/event_log.hpp"
#include "libs/journal/memory_storage.hpp"
#include "services/order-gateway/account_engine.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::gateway::bench {

/// One engine on a bench: a clock that moves only when told, a signer that signs everything, a
/// venue whose every answer the test writes. What the engine sends is kept in `sent` and `asked`.
class EngineBench {
 public:
  struct Sent {
    ActionId action = 0;
    std::uint64_t post_id = 0;  // 0: by REST
    v1::SignRequest request;
    std::uint64_t nonce = 0;
    std::uint64_t expires_after_ms = 0;
  };
  /// The journal in memory: numbers its records, can refuse.
  class Writer : public EventWriter {
   public:
    std::vector<v1::JournalRecord> records;
    bool refuse = false;
    bool is_full = false;
    UnixNanos now;
    /// Where set, it is what a restart reads; `records` then holds everything ever written.
    journal::EventLog* log = nullptr;
    bool publish(const std::string& topic, v1::Envelope& envelope) override;
    bool note(v1::JournalRecord& record) override;
    [[nodiscard]] bool full() const override { return is_full; }
    [[nodiscard]] std::uint64_t last_index() const override;

   private:
    bool keep(v1::JournalRecord& record);
  };

  static EngineSettings default_settings();
  explicit EngineBench(EngineSettings with = default_settings(), IdMemory* with_ids = nullptr);

  /// Connects, subscribes, reconciles against `info` until READY (or gives up after 10 s).
  void start();
  /// The same journal in a new engine, as after kill -9; connected anew by start().
  void restart();
  /// The same, from these records.
  void restart_from(const std::vector<v1::JournalRecord>& records);
  void connect();
  void disconnect();
  /// Moves the clock in steps of 50 ms; the venue's time goes with it unless `venue_stands`.
  void advance(std::int64_t ms);

  v1::Reply command(v1::Command command);
  /// A LIMIT order of BTC-USD; more fields by `edit`.
  v1::Reply place(const std::string& id, const std::string& side, const std::string& price,
                  const std::string& amount,
                  const std::function<void(v1::OrderRequest&)>& edit = {});
  void frame(const std::string& text);
  /// The answer to a sent action: the whole JSON of the venue.
  void answer(const Sent& sent, const std::string& body);
  void http_status(const Sent& sent, unsigned status);
  /// {"status":"ok"} with these entries.
  void answer_statuses(const Sent& sent, const std::string& statuses);
  /// A word of the stream about an order.
  void update(const std::string& cloid, std::uint64_t oid, const std::string& status,
              const std::string& price = "50000", const std::string& size = "0.01");
  void fill(const std::string& cloid, std::uint64_t oid, const std::string& side,
            const std::string& price, const std::string& size, const std::string& start,
            std::uint64_t tid, const std::string& extra = "", std::int64_t time_ms = 0);
  [[nodiscard]] std::int64_t venue_ms() const { return venue_ms_; }
  /// Everything that is to be done now.
  void pump();

  [[nodiscard]] const InFlightOrder* order(const std::string& id) const {
    return engine->tracker().find(ClientOrderId{id});
  }
  [[nodiscard]] std::string cloid(const std::string& id) const;
  [[nodiscard]] OrderState state(const std::string& id) const;
  /// Published events of this event_type.
  [[nodiscard]] std::vector<v1::Envelope> events(const std::string& event_type) const;
  [[nodiscard]] Now now() const;
  [[nodiscard]] std::int64_t wall_ms() const { return wall_ms_; }

  EngineSettings settings;
  Writer writer;
  RiskGate risk;
  ReferencePrices references{std::chrono::seconds{5}};
  std::unique_ptr<AccountEngine> engine;
  std::vector<Sent> sent;
  std::vector<std::string> asked;
  /// Answers of /info by type; those that are not in it get an empty one of their shape.
  std::map<std::string, std::string> info;
  /// Answers nothing to questions of these types.
  std::map<std::string, bool> mute;
  bool answers_posts = true;  // tells that bytes left
  bool lease_lost = false;    // another holds it
  bool signer_down = false;
  std::string signing_key = "agent-1";  // that the signer signs with now
  std::uint64_t lease_epoch = 1;
  bool lease_is_ours = true;  // "the same instance"
  std::uint64_t lease_latest_expiry = 0;
  bool venue_stands = false;
  std::int64_t venue_offset_ms = 0;  // of the venue's clock against ours
  std::int64_t signing_ms = 0;       // how long the signer takes

 private:
  std::string told_fills_;  // of fill(), with commas between
  std::string info_answer(const std::string& body);
  void perform(EngineOut& out);
  void boot(const std::vector<v1::JournalRecord>& records);

  IdMemory* ids_ = nullptr;
  hyperliquid::Instruments instruments_;
  std::int64_t wall_ms_ = 1'700'000'000'000;
  std::int64_t venue_ms_ = 1'700'000'000'000;
  std::vector<Sent> signed_;
  std::uint64_t last_nonce_ = 0;
  std::uint64_t last_index_ = 0;
  std::vector<std::function<void()>> later_;
};

}  // namespace perpwire::gateway::bench
