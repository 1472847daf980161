#include "tools/cli/market_lookup.hpp"

#include "libs/common/contract_json.hpp"
#include "perpwire/v1/requests.pb.h"
#include "tools/cli/fields.hpp"
#include "tools/cli/transport.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace perpwire::cli {

std::string market_topic(const std::string& channel, const std::string& pair) {
  return fmt::format("md.{}.{}.{}", Session::kVenue, channel, pair);
}

Outcome<std::vector<v1::Envelope>> market_snapshot(Session& session,
                                                   const std::vector<std::string>& topics) {
  const auto settings = session.settings();
  if (!settings) return tl::unexpected(settings.error());
  v1::PageRequest request;
  request.set_type("snapshot");
  request.set_request_id(new_request_id());
  for (const auto& topic : topics) request.add_topics(topic);
  const auto answer = Caller("marketstream", (*settings)->marketstream.requests, session.timeout())
                          .ask(request.SerializeAsString());
  if (!answer) return tl::unexpected(answer.error());
  v1::PageReply header;
  if (auto parsed = parse_payload(answer->front(), header); !parsed) {
    return fail_with(Exit::kFailed, "marketstream: " + parsed.error().text);
  }
  if (!header.code().empty()) {
    return fail_with(Exit::kFailed, fmt::format("marketstream: {}: {}", header.code(),
                                                header.reason().empty()
                                                    ? fmt::format("{}", fmt::join(topics, ", "))
                                                    : header.reason()));
  }
  std::vector<v1::Envelope> envelopes;
  for (std::size_t i = 2; i < answer->size(); i += 2) {
    v1::Envelope envelope;
    if (auto parsed = parse_payload((*answer)[i], envelope); !parsed) {
      return fail_with(Exit::kFailed, "marketstream: " + parsed.error().text);
    }
    envelopes.push_back(std::move(envelope));
  }
  return envelopes;
}

}  // namespace perpwire::cli
