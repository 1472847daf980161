#pragma once

// For the sessions' .cpp files only: pulls in asio.

#include "libs/common/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::net {

using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

/// One lookup of a host name, with getaddrinfo on a thread of its own that nobody waits for.
///
/// asio's resolver joins its thread when the io_context is destroyed: with a name server that does
/// not answer, a process would then need many seconds to stop, and one lookup would hold up all
/// others. Here cancel() lets go at once; the thread ends by itself when the system's resolver
/// does.
class Resolver {
 public:
  using Lookup = std::function<Result<Endpoints>(const std::string& host, std::uint16_t port)>;
  using Done = std::function<void(Result<Endpoints>)>;

  Resolver() = default;
  ~Resolver() { cancel(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// Only one at a time. `done` is called on `io`, which stays busy until then.
  /// Errors: kIo with the resolver's words; kWouldBlock while 16 lookups of the process hang.
  void start(boost::asio::io_context& io, std::string host, std::uint16_t port, Done done,
             Lookup lookup = system_lookup);
  /// `done` is not called any more. Never waits.
  void cancel();

  static Result<Endpoints> system_lookup(const std::string& host, std::uint16_t port);

 private:
  struct Mailbox;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace perpwire::net
