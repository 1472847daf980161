#pragma once

#include "libs/common/hello.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/request_server.hpp"
#include "libs/common/stream_server.hpp"
#include "services/signer/audit_page_server.hpp"
#include "services/signer/service_config.hpp"
#include "services/signer/signer_core.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace perpwire::v1 {
class Hello;
}

namespace perpwire::signer {

/// The signer's sockets, the ROUTER and the direct one: requests of allowed users to the core and
/// back, in the encoding they came in, over the socket that they came by. Answers `sign`, `lease`,
/// `lock`, `unlock`, `accept_asset`, `audit`, `hello`, `status`, `metrics`.
///
/// Who asks is known by the uid of its process, which the kernel tells, or on TCP by its name in
/// the allow-list, which CURVE proved; a request of nobody known is refused. A connection whose
/// hello was of another contract or build is refused until it says a better one. Thread: the
/// io_context's. Lifetime: context and core outlive it.
class SignerEndpoint {
 public:
  struct Options {
    std::string endpoint;
    std::string direct;  // empty: none
    std::string instance;
    std::set<std::uint32_t> uids;
    std::set<std::uint32_t> operators;  // who may unlock, accept asset numbers, read the log
    std::string policy_hash;
    HelloPolicy hello;
    std::optional<CurveServer> curve = {};     // where the endpoint is on TCP
    std::map<std::string, CurvePeer> clients;  // who may connect there
    /// Reads and unlocks a keystore file; called on a thread of its own, since it takes a second.
    std::function<Result<SigningKey>(const std::string& name)> load_key;
    const journal::AuditFile* audit = nullptr;  // outlives the endpoint; none: no pages
  };

  SignerEndpoint(boost::asio::io_context& io, zmq::context_t& context, Metrics& metrics,
                 SignerCore& core, Options options);
  ~SignerEndpoint();

 private:
  enum class Via { kRouter, kDirect };
  void on_request(const IncomingRequest& incoming, Via via);
  [[nodiscard]] Result<Asker> asker_of(const IncomingRequest& incoming) const;
  v1::SignReply answer(const v1::SignRequest& request, const IncomingRequest& incoming);
  void answer_add_key(const v1::SignRequest& request, const IncomingRequest& incoming, Via via);
  void answer_audit(const v1::SignRequest& request, const IncomingRequest& incoming, Via via);
  void send(const v1::SignReply& reply, const ReplyAddress& to, Via via, bool json);
  v1::SignReply answer_hello(const v1::SignRequest& request, const std::string& connection);
  std::string status_text() const;
  void show_states();
  void count(const std::string& type, const v1::SignReply& reply);
  void run_deferred();

  boost::asio::io_context& io_;
  Metrics& metrics_;
  SignerCore& core_;
  Options options_;
  Histogram sign_seconds_;
  Counter signed_;
  std::set<std::string> refused_connections_;
  bool deferred_posted_ = false;
  std::uint64_t audit_failures_shown_ = 0;
  std::unique_ptr<AuditPageServer> pages_;
  bool loading_ = false;
  std::set<std::string> shown_keys_;
  std::unique_ptr<boost::asio::thread_pool> loader_;
  RequestServer server_;
  std::unique_ptr<StreamServer> direct_;
};

}  // namespace perpwire::signer
