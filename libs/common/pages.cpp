#include "libs/common/pages.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/envelope.pb.h"
#include "perpwire/v1/requests.pb.h"

#include <fmt/format.h>

namespace perpwire {
namespace {

constexpr int kMaxSnapshotTopics = 1'000;

Status check_topics(const v1::PageRequest& request) {
  for (const auto& topic : request.topics()) {
    if (topic.substr(0, 3) == "pb.") {
      return fail(ErrorCode::kInvalidCommand,
                  fmt::format("topics: expected a topic without 'pb.', found '{}'", topic));
    }
  }
  return {};
}

std::vector<std::string> reply_to(v1::PageReply& reply, const v1::PageRequest& request,
                                  const Status& done, bool json) {
  reply.set_request_id(request.request_id());
  if (done) {
    reply.set_status("OK");
  } else {
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(done.error().code)));
    reply.set_reason(done.error().text);
  }
  return {encode_message(reply, json)};
}

std::vector<std::string> hello(const v1::PageRequest& request, bool json,
                               const PageHandlers& handlers) {
  const auto ours = own_hello(handlers.process, handlers.instance);
  const auto checked = check_hello(request.hello(), ours, handlers.hello_policy);
  if (checked && handlers.said_hello) handlers.said_hello(request);
  v1::PageReply reply;
  *reply.mutable_hello() = ours;
  return reply_to(reply, request, checked, json);
}

}  // namespace

std::string encode_message(const google::protobuf::Message& message, bool json) {
  return json ? to_contract_json(message) : to_protobuf(message);
}

Status check_replay(const v1::PageRequest& request) {
  if (request.has_limit() && request.limit() == 0) {
    return fail(ErrorCode::kInvalidCommand, "limit: expected 1 to 1000, found 0");
  }
  return check_topics(request);
}

std::vector<std::string> page_error(const v1::PageRequest& request, bool json, ErrorCode code,
                                    std::string reason) {
  v1::PageReply reply;
  reply.set_request_id(request.request_id());
  if (request.type() == "replay") {
    reply.set_type("replay_error");
  } else {
    reply.set_status("REJECTED");
  }
  reply.set_code(std::string(to_string(code)));
  reply.set_reason(std::move(reason));
  return {encode_message(reply, json)};
}

std::vector<std::string> not_kept(const v1::PageRequest& request, bool json,
                                  std::string_view stream, std::uint64_t first_sequence) {
  v1::PageReply reply;
  reply.set_type("replay_error");
  reply.set_request_id(request.request_id());
  reply.set_code(std::string(to_string(ErrorCode::kNotKept)));
  reply.set_reason(fmt::format("stream {} is kept from sequence {}", stream, first_sequence));
  reply.set_stream(std::string(stream));
  reply.set_first_sequence(first_sequence);
  return {encode_message(reply, json)};
}

std::vector<std::string> snapshot_page(
    const v1::PageRequest& request, bool json,
    const std::function<Result<const v1::Envelope*>(std::string_view)>& snapshot_of) {
  if (auto checked = check_topics(request); !checked) {
    return page_error(request, json, checked.error().code, checked.error().text);
  }
  if (request.topics().empty() || request.topics_size() > kMaxSnapshotTopics) {
    return page_error(request, json, ErrorCode::kInvalidCommand,
                      fmt::format("topics: expected 1 to {}, found {}", kMaxSnapshotTopics,
                                  request.topics_size()));
  }
  std::vector<std::string> parts(1);
  for (const auto& topic : request.topics()) {
    const auto event = snapshot_of(topic);
    if (!event) return page_error(request, json, event.error().code, event.error().text);
    parts.push_back(topic);
    parts.push_back(encode_message(**event, json));
  }
  v1::PageReply head;
  head.set_type("snapshot_page");
  head.set_request_id(request.request_id());
  head.set_count(static_cast<std::uint32_t>(request.topics_size()));
  parts.front() = encode_message(head, json);
  return parts;
}

std::vector<std::string> answer_page_request(std::string_view payload,
                                             const PageHandlers& handlers) {
  const bool json = is_json(payload);
  v1::PageRequest request;
  if (auto parsed = parse_payload(payload, request); !parsed) {
    return page_error(request, json, parsed.error().code, parsed.error().text);
  }
  const auto& type = request.type();
  if (type == "replay" && handlers.replay) return handlers.replay(request, json);
  if (type == "snapshot" && handlers.snapshot_of) {
    return snapshot_page(request, json, handlers.snapshot_of);
  }
  if (type == "hello") return hello(request, json, handlers);
  if ((type == "subscribe" || type == "unsubscribe" || type == "get_candles" ||
       type == "get_instruments") &&
      handlers.other) {
    v1::PageReply reply;
    const auto done = handlers.other(request, reply);
    if (!done) reply.Clear();
    return reply_to(reply, request, done, json);
  }
  return page_error(request, json, ErrorCode::kUnsupported,
                    fmt::format("type: '{}' is not answered here", type));
}

}  // namespace perpwire
