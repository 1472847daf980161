#pragma once

#include "libs/common/result.hpp"
#include "libs/common/time.hpp"
#include "libs/common/zmq_socket.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perpwire {

/// Which protobuf field of a reply is its request_id: 2 in PageReply, 1 in Reply, SignReply and
/// RiskReply. In JSON it is always `request_id`.
enum class ReplyKind { kReply, kPage };

/// The request_id in the first part of a reply of either encoding; nothing if there is none.
std::optional<std::string> reply_request_id(std::string_view part, ReplyKind kind);

struct RequestClientConfig {
  std::string endpoint = {};  // of a RequestServer, or unix:///PATH of a StreamServer
  ReplyKind reply_kind = ReplyKind::kReply;
  /// Sent first on each connection (hello); its request_id must be `hello_request_id`. Other
  /// requests wait for its answer. Empty: none.
  std::string hello = {};
  std::string hello_request_id = {};
  /// Judges the hello's answer; an error is given to every waiting request, and hello is tried
  /// again on a new connection a second later. Empty: any answer will do.
  std::function<Status(const std::vector<std::string>&)> accept_hello = {};
  Nanos hello_timeout = std::chrono::seconds(2);
  /// To the end of the ZMTP handshake (a stopped server accepts, and says nothing); then anew.
  Nanos connect_timeout = std::chrono::seconds(5);
  std::size_t max_outstanding = 1'000;
  std::int64_t max_message_bytes = 64 << 20;
  std::optional<CurveClient> curve = {};  // of a server on TCP: curve_client(endpoint, ...)
};

struct RequestClientCounters {
  std::uint64_t requests = 0;
  std::uint64_t replies = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t unmatched = 0;    // replies to nothing outstanding (late, or without request_id)
  std::uint64_t connections = 0;  // handshakes
  std::uint64_t disconnects = 0;
};

/// Asks one server of the suite, over a DEALER socket or a plain unix stream.
///
/// Replies find their request by request_id, so requests overlap freely. When the server dies its
/// connection is made anew (nothing queued for the dead one reaches the next one) and `hello` is
/// repeated.
/// Threads: the io_context's; callbacks too, never from inside request(). Lifetime: `io` and
/// `context` outlive it; destroying it drops the callbacks uncalled.
class RequestClient {
 public:
  /// All payload parts of the reply, without the delimiter.
  using Reply = std::vector<std::string>;
  /// Errors: kClosed = it provably never left (not connected within the timeout, or refused at
  ///         hello); kTimeout = it may have arrived and been done: no answer in time, or the
  ///         connection was lost after sending; kWouldBlock = `max_outstanding` reached, never
  ///         left.
  using Callback = std::function<void(Result<Reply>)>;

  RequestClient(boost::asio::io_context& io, zmq::context_t& context, RequestClientConfig config);
  ~RequestClient();
  RequestClient(const RequestClient&) = delete;
  RequestClient& operator=(const RequestClient&) = delete;

  /// `request_id` must be the one inside `payload`, and not outstanding.
  void request(std::string_view request_id, std::string payload, Nanos timeout, Callback callback);

  /// Called when it becomes ready() and when it is so no more.
  void on_ready(std::function<void(bool ready)> handler);

  /// Connected and, where there is a hello, answered.
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const RequestClientCounters& counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace perpwire
