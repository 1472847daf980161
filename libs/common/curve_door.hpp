#pragma once

#include "libs/common/curve.hpp"
#include "libs/common/settings.hpp"
#include "libs/common/zmq_socket.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace perpwire {

class ServiceContext;

/// Lets in to a process's TCP sockets whom the allow-list ([curve.clients.NAME]) names, and nobody
/// else: the process's ZAP handler (RFC 27), which libzmq asks at each handshake.
///
/// Who is let in is known to the sockets by its name (IncomingRequest::user). Refused keys are
/// counted and named in the log, at most one line a second.
/// Thread: the io_context's. Lifetime: the context outlives it; it outlives the sockets.
class CurveDoor {
 public:
  /// `own`: the process's pair; `table`: of the configuration, for messages ("signer").
  CurveDoor(ServiceContext& context, const CurveIdentity& own, std::string table);
  ~CurveDoor();
  CurveDoor(const CurveDoor&) = delete;
  CurveDoor& operator=(const CurveDoor&) = delete;

  /// What binding `endpoint` needs: nothing unless it is TCP. `word` is what the allow-list calls
  /// this endpoint: signer, commands, replay, control. Throws ConfigError if the key file cannot be
  /// used, does not fit the configured public key, or nobody is allowed in.
  std::optional<CurveServer> of(const std::string& endpoint, std::string_view word);

 private:
  void on_question(ZmqSocket::Message& message);

  ServiceContext& context_;
  CurveIdentity own_;
  std::string table_;
  std::shared_ptr<const CurveKeys> keys_;
  std::unique_ptr<ZmqSocket> zap_;
  Nanos last_told_{};
};

}  // namespace perpwire
