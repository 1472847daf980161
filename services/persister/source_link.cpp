#include "services/persister/source_link.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/requests.pb.h"
#include "services/persister/page_codec.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace perpwire::persister {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(20);
constexpr Nanos kPageTimeout = std::chrono::seconds(3);
constexpr const char* kHelloId = "hello";

}  // namespace

SourceLink::SourceLink(boost::asio::io_context& io, zmq::context_t& context, SourceConfig config,
                       const std::vector<StreamCursor>& known, Handlers handlers)
    : config_(std::move(config)),
      handlers_(std::move(handlers)),
      reader_(config_.reader, known),
      requests_(
          io, context,
          {.endpoint = config_.replay,
           .reply_kind = ReplyKind::kPage,
           .hello = encode_page_hello(config_.instance, kHelloId),
           .hello_request_id = kHelloId,
           .accept_hello = [this](const RequestClient::Reply& answer) { return on_hello(answer); },
           .curve = config_.replay_curve}),
      hints_(io, context,
             {.endpoint = config_.events,
              .mode = SubscriberMode::kLatest,
              .protobuf = true,
              .topics = config_.topics,
              .requests_endpoint = {},
              .start = {}},
             {.on_event =
                  [this](std::string_view /*topic*/, const v1::Envelope& envelope) {
                    ReaderActions actions;
                    reader_.on_hint(envelope.stream(), envelope.sequence(), actions);
                    act(actions);
                  },
              .on_heartbeat =
                  [this](const v1::Heartbeat& heartbeat, UnixNanos /*timestamp*/) {
                    ReaderActions actions;
                    reader_.on_hint(heartbeat.stream(), heartbeat.newest_sequence(), actions);
                    act(actions);
                  },
              .on_lost = {},
              .on_stale = {}}),
      ticker_(io) {
  for (const auto& cursor : known) stored_below_[cursor.stream] = cursor.next_sequence;
  ReaderActions actions;
  reader_.start(actions);
  act(actions);
  tick();
}

Status SourceLink::on_hello(const RequestClient::Reply& answer) {
  v1::PageReply reply;
  if (auto parsed = parse_payload(answer.front(), reply); !parsed) return parsed;
  const auto reason =
      reply.code().empty() ? std::string() : fmt::format("{} {}", reply.code(), reply.reason());
  if (reason != refused_ && !reason.empty()) {
    spdlog::error("source={} refuses this persister reason=\"{}\"", config_.name, reason);
  }
  refused_ = reason;
  return reason.empty() ? Status{} : fail(ErrorCode::kVersionMismatch, reason);
}

void SourceLink::on_committed(const std::string& stream, std::uint64_t next_sequence) {
  stored_below_[stream] = next_sequence;
  ReaderActions actions;
  reader_.on_committed(actions);
  act(actions);
}

void SourceLink::act(ReaderActions& actions) {
  for (auto& action : actions) {
    if (const auto* question = std::get_if<AskPage>(&action)) {
      ask(*question);
    } else if (auto* store = std::get_if<StoreBatch>(&action)) {
      handlers_.on_batch(std::move(store->batch));
    } else {
      handlers_.on_alarm(std::get<Alarm>(action).text);
    }
  }
}

void SourceLink::ask(const AskPage& request) {
  const std::string id = fmt::format("page-{}", next_request_++);
  StreamCursor stored;
  if (const auto found = stored_below_.find(reader_.stream()); found != stored_below_.end()) {
    stored = {.stream = found->first, .next_sequence = found->second};
  }
  requests_.request(id, encode_page_request(request, id, "persister." + config_.instance, stored),
                    kPageTimeout,
                    [this](Result<RequestClient::Reply> answer) { on_answer(std::move(answer)); });
}

void SourceLink::on_answer(Result<RequestClient::Reply> answer) {
  const bool was_reachable = reader_.reachable();
  ReaderActions actions;
  std::string failure;
  if (!answer) {
    failure = answer.error().text;
  } else if (auto decoded = decode_page_answer(std::move(*answer)); !decoded) {
    failure = decoded.error().text;
  } else if (const auto* page = std::get_if<Page>(&*decoded)) {
    reader_.on_page(*page, monotonic_now(), actions);
  } else {
    reader_.on_refused(std::get<PageRefusal>(*decoded), monotonic_now(), actions);
  }
  if (!failure.empty()) {
    if (was_reachable) {
      spdlog::warn("source={} state=unreachable reason=\"{}\"", config_.name, failure);
    }
    reader_.on_failed(monotonic_now());
  } else if (!was_reachable && reader_.reachable()) {
    spdlog::info("source={} state=reading stream={} next_sequence={}", config_.name,
                 reader_.stream(), reader_.next_sequence());
  }
  act(actions);
}

void SourceLink::tick() {
  ReaderActions actions;
  reader_.on_timer(monotonic_now(), actions);
  act(actions);
  ticker_.expires_after(kTick);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

}  // namespace perpwire::persister
