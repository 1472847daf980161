#pragma once

#include <string>

namespace perpwire::sim {

struct HttpReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

/// The documented bodies of section 6.2.
HttpReply unprocessable();       // 422
HttpReply not_json();            // 400
HttpReply wrong_content_type();  // 415
HttpReply rate_limited();        // 429, body null
HttpReply internal_error();      // 500, body null

}  // namespace perpwire::sim
