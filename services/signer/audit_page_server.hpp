#pragma once

#include "libs/journal/audit_file.hpp"
#include "libs/journal/audit_page.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace perpwire::signer {

/// Reads pages of the audit log on a thread of its own: a signature never waits for an old file to
/// come from the disk.
/// Thread: the io_context's, callbacks too. Lifetime: `io` and `log` outlive it; destroying it
/// waits for the page that is being read and drops its callback.
class AuditPageServer {
 public:
  static constexpr std::size_t kDefaultBytes = 64 * 1024;
  static constexpr std::size_t kMaxBytes = 256 * 1024;
  /// Asked for and not answered yet; more are refused.
  static constexpr std::size_t kMaxWaiting = 8;

  struct Answer {
    journal::AuditPage page;
    std::uint64_t last = 0;  // the newest line when it was asked, and its hash
    std::string head;
  };
  using Callback = std::function<void(Result<Answer>)>;

  AuditPageServer(boost::asio::io_context& io, const journal::AuditFile& log);
  ~AuditPageServer();
  AuditPageServer(const AuditPageServer&) = delete;
  AuditPageServer& operator=(const AuditPageServer&) = delete;

  /// The page from line `from` on (0 = the oldest kept) with at most `max_bytes` of lines (0 =
  /// kDefaultBytes). Errors: kInvalidCommand if more than kMaxBytes; kRateLimited while kMaxWaiting
  /// are not answered; what journal::read_audit_page says.
  void ask(std::uint64_t from, std::size_t max_bytes, Callback callback);

 private:
  boost::asio::io_context& io_;
  const journal::AuditFile& log_;
  std::size_t waiting_ = 0;
  std::unique_ptr<boost::asio::thread_pool> reader_;
};

}  // namespace perpwire::signer
