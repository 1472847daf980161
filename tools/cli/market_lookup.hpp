#pragma once

#include "perpwire/v1/envelope.pb.h"
#include "tools/cli/session.hpp"

#include <string>
#include <vector>

namespace perpwire::cli {

/// The newest message of each topic, asked of marketstream. Errors: kFailed, also naming a topic
/// that is not there (UNKNOWN_TOPIC, RESYNCING).
Outcome<std::vector<v1::Envelope>> market_snapshot(Session& session,
                                                   const std::vector<std::string>& topics);

/// "md.hyperliquid.<channel>.<pair>"
std::string market_topic(const std::string& channel, const std::string& pair);

}  // namespace perpwire::cli
