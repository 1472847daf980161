#pragma once

#include "libs/common/time.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "tools/cli/failure.hpp"

#include <zmq.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Asking and listening, one thing at a time and never for ever: what a command line needs. The
/// asynchronous sockets of libs/common are for processes that live.
namespace perpwire::cli {

/// Whether a process listens there, without ZeroMQ. Empty: yes. Else why not, for people.
std::string why_not_listening(const std::string& endpoint);

/// Who is asked over TCP, and with which key of ours. Without a server key the connection is plain.
struct CurveTarget {
  std::string server_key;
  std::filesystem::path key_file;
};

/// One DEALER connection to one process.
class Caller {
 public:
  /// `process` names it in errors: "order-gateway".
  Caller(std::string process, std::string endpoint, Nanos timeout, CurveTarget curve = {});

  /// All payload parts of the answer.
  ///
  /// Errors: kFailed if nobody listens there or the request provably never left; `if_no_answer` if
  ///         it left and no answer came within the timeout.
  Outcome<std::vector<std::string>> ask(std::string_view payload,
                                        Exit if_no_answer = Exit::kFailed);

 private:
  std::string process_;
  std::string endpoint_;
  Outcome<void> connect();

  Nanos timeout_;
  CurveTarget curve_;
  std::optional<zmq::socket_t> socket_;
};

/// A message of the bus.
struct BusMessage {
  std::string topic;  // without "pb."
  v1::Envelope envelope;
  UnixNanos arrived;
};

/// One SUB connection to one publisher.
class Listener {
 public:
  /// `topics`: whole topics, or prefixes that end with '.'.
  Listener(std::string process, std::string endpoint, std::vector<std::string> topics);

  /// Waits until the publisher has taken the subscriptions: its heartbeat arrives after them.
  /// Errors: kFailed naming the process.
  Outcome<void> wait_until_joined(Nanos timeout);
  /// The next message of the topics; nothing after the timeout. Heartbeats only if wanted.
  std::optional<BusMessage> next(Nanos timeout, bool heartbeats = false);

 private:
  [[nodiscard]] bool wanted(std::string_view topic) const;

  std::string process_;
  std::string endpoint_;
  std::vector<std::string> topics_;
  zmq::socket_t socket_;
};

/// GET http://127.0.0.1:port/path; the status line's code, or why there is none.
Outcome<int> http_status(int port, std::string_view path, Nanos timeout);

}  // namespace perpwire::cli
