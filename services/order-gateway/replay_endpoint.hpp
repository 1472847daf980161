#pragma once

#include "libs/common/request_server.hpp"
#include "libs/journal/event_log.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace perpwire::gateway {

/// The ROUTER socket that answers replay pages out of the journal.
/// Thread: the io_context's. Owned by GatewayApp; `log` outlives it.
class ReplayEndpoint {
 public:
  ReplayEndpoint(boost::asio::io_context& io, zmq::context_t& zmq, const std::string& endpoint,
                 const std::string& instance, journal::EventLog& log,
                 std::optional<CurveServer> curve = {});

  [[nodiscard]] std::uint64_t pages() const { return pages_; }

 private:
  void on_request(const IncomingRequest& request);

  journal::EventLog& log_;
  std::string instance_;
  std::uint64_t pages_ = 0;
  std::unique_ptr<RequestServer> server_;
};

}  // namespace perpwire::gateway
