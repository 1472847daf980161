#include "services/signer/audit_page_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <fmt/format.h>

#include <utility>

namespace perpwire::signer {

AuditPageServer::AuditPageServer(boost::asio::io_context& io, const journal::AuditFile& log)
    : io_(io), log_(log), reader_(std::make_unique<boost::asio::thread_pool>(1)) {}

AuditPageServer::~AuditPageServer() { reader_->join(); }

void AuditPageServer::ask(std::uint64_t from, std::size_t max_bytes, Callback callback) {
  if (max_bytes > kMaxBytes) {
    callback(fail(ErrorCode::kInvalidCommand, fmt::format("audit.max_bytes: expected at most {}, "
                                                          "found {}",
                                                          kMaxBytes, max_bytes)));
    return;
  }
  if (waiting_ >= kMaxWaiting) {
    callback(fail(ErrorCode::kRateLimited,
                  fmt::format("{} pages of the audit log are being read already", waiting_)));
    return;
  }
  ++waiting_;
  const auto last = log_.number();
  boost::asio::post(*reader_, [this, from, last, head = log_.head(), folder = log_.folder(),
                               bytes = max_bytes == 0 ? kDefaultBytes : max_bytes,
                               callback = std::move(callback)]() mutable {
    auto page = std::make_shared<Result<journal::AuditPage>>(
        journal::read_audit_page(folder, from, last, bytes));
    boost::asio::post(
        io_, [this, last, page, head = std::move(head), callback = std::move(callback)]() mutable {
          --waiting_;
          if (!*page) {
            callback(tl::unexpected(page->error()));
          } else {
            callback(Answer{std::move(**page), last, std::move(head)});
          }
        });
  });
}

}  // namespace perpwire::signer
