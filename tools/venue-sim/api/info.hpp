#pragma once

#include "tools/venue-sim/api/http_reply.hpp"
#include "tools/venue-sim/api/json.hpp"
#include "tools/venue-sim/core/exchange.hpp"

#include <cstddef>
#include <string>

namespace perpwire::sim {

struct InfoReply {
  HttpReply http;
  std::size_t weight = 20;  // against the IP budget, returned items included. Sections 7, 9.1.
};

/// Answers one /info request. Section 7; an unknown type, a missing or malformed field: HTTP 422.
/// `accounts` = what the info server knows: the venue's own, or an older copy.
InfoReply answer_info(const Exchange& exchange, const Accounts& accounts, const Json& request);

}  // namespace perpwire::sim
