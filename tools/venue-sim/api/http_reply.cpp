#include "tools/venue-sim/api/http_reply.hpp"

namespace perpwire::sim {

HttpReply unprocessable() {
  return {422, "Failed to deserialize the JSON body into the target type",
          "text/plain; charset=utf-8"};
}
HttpReply not_json() {
  return {400, "Failed to parse the request body as JSON", "text/plain; charset=utf-8"};
}
HttpReply wrong_content_type() {
  return {415, "Expected request with `Content-Type: application/json`",
          "text/plain; charset=utf-8"};
}
HttpReply rate_limited() { return {429, "null"}; }
HttpReply internal_error() { return {500, "null"}; }

}  // namespace perpwire::sim
