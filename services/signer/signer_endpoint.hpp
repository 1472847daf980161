#pragma once

#include "libs/common/hello.hpp"
#include "libs/common/metrics.hpp"
#include "libs/common/request_server.hpp"
#include "services/signer/service_config.hpp"
#include "services/signer/signer_core.hpp"

#include <functional>
#include <set>
#include <string>

namespace perpwire::v1 {
class Hello;
}

namespace perpwire::signer {

/// The signer's socket: requests of allowed users to the core and back, in the encoding they came
/// in. Answers `sign`, `lease`, `lock`, `unlock`, `accept_asset`, `hello`, `status`, `metrics`.
///
/// A request without the uid of its process (TCP, a kernel that does not say) is refused. A
/// connection whose hello was of another contract or build is refused until it says a better one.
/// Thread: the io_context's. Lifetime: context and core outlive it.
class SignerEndpoint {
 public:
  struct Options {
    std::string endpoint;
    std::string instance;
    std::set<std::uint32_t> uids;
    std::set<std::uint32_t> operators;  // who may unlock and accept asset numbers
    std::string policy_hash;
    HelloPolicy hello;
    std::function<std::string()> audit_head;  // "<number of the last line> <its hash>"
  };

  SignerEndpoint(boost::asio::io_context& io, zmq::context_t& context, Metrics& metrics,
                 SignerCore& core, Options options);

 private:
  void on_request(const IncomingRequest& incoming);
  v1::SignReply answer(const v1::SignRequest& request, const IncomingRequest& incoming);
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
  RequestServer server_;
};

}  // namespace perpwire::signer
