#pragma once

#include "libs/common/metrics.hpp"
#include "libs/common/request_server.hpp"
#include "services/marketstream/venue_feed.hpp"

#include <map>
#include <string>
#include <string_view>

namespace perpwire::v1 {
class PageReply;
class PageRequest;
}  // namespace perpwire::v1

namespace perpwire::marketstream {

/// The ROUTER of marketstream: snapshot, subscribe, unsubscribe, get_candles, get_instruments,
/// hello. Every request gets one answer, in the encoding of the request.
///
/// Owner: main. Thread: the io_context's. Lifetime: feeds, `metrics`, `io` and `context` outlive
/// it.
class RequestEndpoint {
 public:
  RequestEndpoint(boost::asio::io_context& io, zmq::context_t& context,
                  const RequestServerConfig& config, std::string instance,
                  std::vector<VenueFeed*> feeds, Metrics& metrics);

  [[nodiscard]] const std::string& endpoint() const { return server_.endpoint(); }

 private:
  void on_request(const IncomingRequest& incoming);
  void on_snapshot(const v1::PageRequest& request, const ReplyAddress& to, bool json);
  void on_candles(const v1::PageRequest& request, const ReplyAddress& to, bool json);
  [[nodiscard]] Result<VenueFeed*> feed_of(std::string_view venue) const;
  void answer(const ReplyAddress& to, const v1::PageReply& reply, bool json,
              std::initializer_list<std::string_view> keep = {});
  void reject(const ReplyAddress& to, const std::string& request_id, const Error& error, bool json);

  std::string instance_;
  std::map<std::string, VenueFeed*, std::less<>> feeds_;
  Metrics& metrics_;
  RequestServer server_;
};

}  // namespace perpwire::marketstream
