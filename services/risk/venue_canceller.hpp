#pragma once

#include "libs/common/hello.hpp"
#include "libs/common/request_client.hpp"
#include "libs/common/result.hpp"
#include "libs/common/settings.hpp"
#include "libs/net/http_client.hpp"
#include "libs/venues/hyperliquid/instruments.hpp"
#include "services/risk/halt_procedure.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire::v1 {
class SignReply;
class SignRequest;
}  // namespace perpwire::v1

namespace perpwire::risk {

struct VenueCancellerConfig {
  VenueSettings venue;
  std::vector<AccountSettings> accounts;  // in the order of HaltConfig
  std::string signer_endpoint;
  std::optional<CurveClient> signer_curve = {};
  std::string instance;
  std::string network;  // mainnet, testnet
  HelloPolicy hello_policy;
  Nanos http_timeout = std::chrono::seconds{4};
  Nanos sign_timeout = std::chrono::seconds{1};
  /// A map that lacks a coin is not read again before.
  Nanos assets_retry = std::chrono::seconds{10};
  /// Cancels that are older than this when the venue sees them do nothing.
  Nanos cancel_expires_after = std::chrono::seconds{8};
};

/// Risk's own way to the venue: asks what is open and cancels it, with neither gateway nor bus in
/// between. Signs through the signer (cancels need no lease), posts by REST. I/O; decides nothing.
///
/// The asset map is read from the venue at the start and again while it is missing or lacks a coin;
/// each new map makes a new connection to the signer, which hears it at hello.
/// Threads: the io_context's; callbacks too. Lifetime: `io` and `context` outlive it.
class VenueCanceller {
 public:
  VenueCanceller(boost::asio::io_context& io, zmq::context_t& context, VenueCancellerConfig config);
  ~VenueCanceller();

  /// Errors: kVenueUnavailable, kTimeout, kRateLimited, kMalformed (an answer with an element that
  ///         does not parse proves nothing), naming the question.
  void open_orders(std::size_t account, const std::string& dex,
                   std::function<void(Result<std::vector<VenueOrder>>)> done);
  void positions(std::size_t account, const std::string& dex,
                 std::function<void(Result<std::vector<VenuePosition>>)> done);
  /// One signed action each for orders with a cloid of ours and for others. Success = the venue
  /// took it; what became of each order only open_orders tells.
  /// Errors: kSignerUnavailable, kSignerRefused, kUnknownPair, kVenueUnavailable, kVenueRejected.
  void cancel(std::size_t account, const std::vector<VenueOrder>& orders,
              std::function<void(Status)> done);

  /// Asks the signer to sign cancels alone for every key, in our name, or takes that back.
  /// Errors: kSignerUnavailable, kSignerRefused.
  void lock_keys(bool locked, std::function<void(Status)> done);

  [[nodiscard]] bool knows_assets() const { return !instruments_.all().empty(); }
  /// Reads the asset map if it is missing. Called now and then.
  void keep_assets();

 private:
  using Info = std::function<void(Result<std::string>)>;
  void ask_info(std::string what, std::string body, Info done);
  void read_assets();
  void read_next_meta();
  void finish_assets();
  void connect_signer();
  void ask_signer(v1::SignRequest request, std::function<void(Result<v1::SignReply>)> done);
  void sign_and_post(v1::SignRequest request, std::function<void(Status)> done);
  void post(const std::string& body, std::function<void(Status)> done);
  Status add_cancels(const std::vector<VenueOrder>& orders, v1::SignRequest& by_cloid,
                     v1::SignRequest& by_id) const;
  void send_all(std::deque<v1::SignRequest> actions, Status so_far,
                std::function<void(Status)> done);

  boost::asio::io_context& io_;
  zmq::context_t& context_;
  VenueCancellerConfig config_;
  net::HttpClient http_;
  std::unique_ptr<RequestClient> signer_;
  std::size_t signing_ = 0;       // requests that the signer has not answered
  bool signer_is_stale_ = false;  // the asset map is newer than what its connection was told
  hyperliquid::Instruments instruments_;
  hyperliquid::InstrumentSources sources_;
  bool reading_assets_ = false;
  Nanos assets_asked_{};
  std::uint64_t last_request_ = 0;
};

}  // namespace perpwire::risk
