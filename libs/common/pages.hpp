#pragma once

#include "libs/common/hello.hpp"
#include "libs/common/result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Message;
}
namespace perpwire::v1 {
class Envelope;
class PageReply;
class PageRequest;
}  // namespace perpwire::v1

namespace perpwire {

/// A reply in the request's encoding.
std::string encode_message(const google::protobuf::Message& message, bool json);

/// `replay_error` for a replay request, else a plain answer with status REJECTED; code and reason.
std::vector<std::string> page_error(const v1::PageRequest& request, bool json, ErrorCode code,
                                    std::string reason);
/// `replay_error` NOT_KEPT with the first sequence that is.
std::vector<std::string> not_kept(const v1::PageRequest& request, bool json,
                                  std::string_view stream, std::uint64_t first_sequence);

/// Errors: kInvalidCommand = a limit of 0, or a topic with `pb.`, which no page carries.
Status check_replay(const v1::PageRequest& request);

/// Answers a `snapshot` request: all its topics or the first one's error.
///
/// `snapshot_of` returns the newest event of a topic, or kUnknownTopic, kResyncing, ...
/// Limits: 1,000 topics (INVALID_COMMAND beyond).
std::vector<std::string> snapshot_page(
    const v1::PageRequest& request, bool json,
    const std::function<Result<const v1::Envelope*>(std::string_view topic)>& snapshot_of);

/// What a page-answering ROUTER does with each type of request; an empty function = UNSUPPORTED.
struct PageHandlers {
  /// EventLog::replay_page
  std::function<std::vector<std::string>(const v1::PageRequest&, bool json)> replay = {};
  std::function<Result<const v1::Envelope*>(std::string_view topic)> snapshot_of = {};
  /// subscribe, unsubscribe, get_candles, get_instruments: fills the reply, or says what is wrong.
  std::function<Status(const v1::PageRequest&, v1::PageReply&)> other = {};
  /// hello: this process and whom it talks to. `said_hello` runs after one that was accepted.
  std::string process = {};
  std::string instance = {};
  HelloPolicy hello_policy = {};
  std::function<void(const v1::PageRequest&)> said_hello = {};
};

/// Parses one request of either encoding and answers it: all parts of the reply. Never fails:
/// whatever is wrong with the request is in the answer, INVALID_COMMAND naming the field.
std::vector<std::string> answer_page_request(std::string_view payload,
                                             const PageHandlers& handlers);

}  // namespace perpwire
