#pragma once

#include "libs/common/bus_subscriber.hpp"
#include "libs/common/request_client.hpp"
#include "services/persister/page_reader.hpp"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace perpwire::persister {

struct SourceConfig {
  std::string name;      // of the process, for logs and metrics: "order-gateway"
  std::string instance;  // ours, for the hello
  std::string events;    // its XPUB endpoint
  std::string replay;    // its ROUTER endpoint
  std::optional<CurveClient> replay_curve = {};
  std::vector<std::string> topics;
  PageReaderSettings reader;
};

/// One event-keeping process and its reader: does what the reader decides.
///
/// Threads: the io_context's. Lifetime: `io` and `context` outlive it.
class SourceLink {
 public:
  struct Handlers {
    std::function<void(Batch)> on_batch;  // at most most_uncommitted() of them
    std::function<void(const std::string&)> on_alarm;
  };

  SourceLink(boost::asio::io_context& io, zmq::context_t& context, SourceConfig config,
             const std::vector<StreamCursor>& known, Handlers handlers);

  /// One of its batches is in the store: its stream is stored below `next_sequence`.
  void on_committed(const std::string& stream, std::uint64_t next_sequence);

  [[nodiscard]] const std::string& name() const { return config_.name; }
  [[nodiscard]] const PageReader& reader() const { return reader_; }
  /// Why the process refuses to talk to us; empty while it does not.
  [[nodiscard]] const std::string& refused() const { return refused_; }

 private:
  void act(ReaderActions& actions);
  void ask(const AskPage& request);
  void on_answer(Result<RequestClient::Reply> answer);
  Status on_hello(const RequestClient::Reply& answer);
  void tick();

  SourceConfig config_;
  Handlers handlers_;
  PageReader reader_;
  RequestClient requests_;
  BusSubscriber hints_;
  boost::asio::steady_timer ticker_;
  std::map<std::string, std::uint64_t> stored_below_;  // by stream
  std::uint64_t next_request_ = 1;
  std::string refused_;
};

}  // namespace perpwire::persister
