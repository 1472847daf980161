#include "services/persister/page_codec.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/requests.pb.h"

#include <fmt/format.h>

#include <utility>

namespace perpwire::persister {

std::string encode_page_request(const AskPage& ask, std::string_view request_id,
                                std::string_view consumer, const StreamCursor& stored) {
  v1::PageRequest request;
  request.set_type("replay");
  request.set_request_id(std::string(request_id));
  request.set_stream(ask.stream);
  request.set_from_sequence(ask.from_sequence);
  request.set_limit(ask.limit);
  request.set_consumer(std::string(consumer));
  if (!stored.stream.empty()) {
    request.set_stored_stream(stored.stream);
    request.set_stored_below(stored.next_sequence);
  }
  return request.SerializeAsString();
}

std::string encode_page_hello(std::string_view instance, std::string_view request_id) {
  v1::PageRequest request;
  request.set_type("hello");
  request.set_request_id(std::string(request_id));
  *request.mutable_hello() = own_hello("persister", instance);
  return request.SerializeAsString();
}

Result<PageAnswer> decode_page_answer(std::vector<std::string> parts) {
  v1::PageReply header;
  if (parts.empty())
    return fail(ErrorCode::kMalformed, "replay answer: expected a header, found no parts");
  if (auto parsed = parse_payload(parts.front(), header); !parsed) {
    return fail(ErrorCode::kMalformed, "replay answer: " + parsed.error().text);
  }
  if (!header.code().empty()) {
    return PageRefusal{.code = error_code_from_string(header.code()).value_or(ErrorCode::kInternal),
                       .first_sequence = header.first_sequence(),
                       .reason = fmt::format("{} {}", header.code(), header.reason())};
  }
  if (header.type() != "replay_page" || !header.has_next_sequence() ||
      !header.has_last_sequence() || parts.size() % 2 != 1) {
    return fail(ErrorCode::kMalformed,
                fmt::format("replay answer: expected a replay_page with next_sequence, "
                            "last_sequence and pairs of parts, found type '{}' and {} parts",
                            header.type(), parts.size()));
  }
  Page page{.stream = header.stream(),
            .next_sequence = header.next_sequence(),
            .last_sequence = header.last_sequence()};
  page.events.reserve(parts.size() / 2);
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
    page.events.push_back({.topic = std::move(parts[i]), .payload = std::move(parts[i + 1])});
  }
  return page;
}

}  // namespace perpwire::persister
