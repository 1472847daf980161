#include "libs/net/resolver.hpp"

#include "libs/common/assert.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <netdb.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

namespace perpwire::net {
namespace {

namespace asio = boost::asio;

constexpr int kMostLookups = 16;
std::atomic<int> lookups_under_way = 0;

}  // namespace

// Where the thread leaves its result: emptied by cancel(), so that the thread never touches an
// io_context that is gone. The mutex is held for moments only, never during a lookup.
struct Resolver::Mailbox {
  std::mutex mutex;
  asio::io_context* io = nullptr;
  Done done;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
};

void Resolver::start(asio::io_context& io, std::string host, std::uint16_t port, Done done,
                     Lookup lookup) {
  PW_ASSERT(!mailbox_);
  const auto mailbox = std::make_shared<Mailbox>();
  mailbox->io = &io;
  mailbox->done = std::move(done);
  mailbox->work.emplace(io.get_executor());
  mailbox_ = mailbox;
  const auto deliver = [mailbox](Result<Endpoints> result) {
    const std::lock_guard lock(mailbox->mutex);
    if (mailbox->io == nullptr) return;
    asio::post(*mailbox->io, [mailbox, result = std::move(result)]() mutable {
      Done waiting;
      {
        const std::lock_guard inner(mailbox->mutex);
        waiting = std::exchange(mailbox->done, nullptr);
      }
      if (waiting) waiting(std::move(result));
    });
    mailbox->work.reset();
  };
  if (++lookups_under_way > kMostLookups) {
    --lookups_under_way;
    return deliver(fail(ErrorCode::kWouldBlock, "too many lookups hang already"));
  }
  std::thread([deliver, host = std::move(host), port, lookup = std::move(lookup)] {
    deliver(lookup(host, port));
    --lookups_under_way;
  }).detach();
}

void Resolver::cancel() {
  const auto mailbox = std::move(mailbox_);
  mailbox_ = nullptr;
  if (!mailbox) return;
  Done dropped;  // destroyed outside the lock: it may own what owns this object
  const std::lock_guard lock(mailbox->mutex);
  mailbox->io = nullptr;
  mailbox->work.reset();
  dropped = std::exchange(mailbox->done, nullptr);
}

Result<Endpoints> Resolver::system_lookup(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (code != 0) {
    const char* text = code == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(code);
    return fail(ErrorCode::kIo, text);
  }
  Endpoints endpoints;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.port(port);
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return endpoints;
}

}  // namespace perpwire::net
