#pragma once

#include "libs/common/time.hpp"
#include "perpwire/v1/decimal.pb.h"

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace perpwire::cli {

/// A decimal as the contract's JSON prints it; "-" where it is not known.
std::string cell(bool known, const v1::Decimal& value);
inline std::string cell(const v1::Decimal& value) { return cell(true, value); }
/// "-" where empty.
std::string cell(const std::string& text);

/// Messages as one JSON array of their contract form.
template <class Messages>
std::string json_array(const Messages& messages);

std::string json_of(const google::protobuf::Message& message);

template <class Messages>
std::string json_array(const Messages& messages) {
  std::string out = "[";
  for (const auto& message : messages) {
    if (out.size() > 1) out += ",\n ";
    out += json_of(message);
  }
  return out + "]";
}

/// Text as a JSON string, quotes included.
std::string json_text(const std::string& text);

/// Unique request ids: time and process id.
std::string new_request_id();

}  // namespace perpwire::cli
