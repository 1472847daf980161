#pragma once

#include "libs/common/result.hpp"

#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace perpwire::net {

struct TlsOptions {
  /// PEM file of further trust anchors (a private CA, a test CA); empty = the system's alone.
  std::string ca_file;
  /// The system's trust anchors count too. Off: only ca_file's.
  bool use_system_store = true;
};

/// What TLS connections trust: TLS 1.2 or later, peer certificates verified, the host name checked
/// by each session (SNI and certificate). There is no switch that turns verification off: trust a
/// private CA by `ca_file`.
///
/// Share one among all sessions and clients of a process; immutable after construction, it may
/// outlive any of them.
class TlsContext {
 public:
  /// Throws: ConfigError naming the file, if ca_file cannot be read or holds no certificate.
  explicit TlsContext(const TlsOptions& options = {});
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// For the sessions' .cpp files.
  [[nodiscard]] boost::asio::ssl::context& native() const { return *context_; }

 private:
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace perpwire::net
