#include "services/order-gateway/replay_endpoint.hpp"

#include "libs/common/contract_json.hpp"
#include "libs/common/hello.hpp"
#include "perpwire/v1/requests.pb.h"

namespace perpwire::gateway {

ReplayEndpoint::ReplayEndpoint(boost::asio::io_context& io, zmq::context_t& zmq,
                               const std::string& endpoint, const std::string& instance,
                               journal::EventLog& log, std::optional<CurveServer> curve)
    : log_(log), instance_(instance) {
  RequestServerConfig config;
  config.endpoint = endpoint;
  config.curve = std::move(curve);
  config.send_high_water_mark = 4;  // counts whole pages
  server_ = std::make_unique<RequestServer>(
      io, zmq, config, [this](const IncomingRequest& request) { on_request(request); });
}

void ReplayEndpoint::on_request(const IncomingRequest& request) {
  const bool json = is_json(request.payload);
  v1::PageRequest page;
  v1::PageReply reply;
  if (const Status parsed = parse_payload(request.payload, page); !parsed) {
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(ErrorCode::kInvalidCommand)));
    reply.set_reason(parsed.error().text);
  } else if (page.type() == "replay") {
    ++pages_;
    if (!page.consumer().empty() && !page.stored_stream().empty()) {
      log_.acknowledge(page.consumer(), page.stored_stream(), page.stored_below());
    }
    server_->reply(request.reply_to, log_.replay_page(page, json));
    return;
  } else if (page.type() == "hello") {
    reply.set_request_id(page.request_id());
    reply.set_status("OK");
    const v1::Hello ours = own_hello("order-gateway", instance_);
    if (page.has_hello()) {
      if (const Status same = check_hello(page.hello(), ours, {}); !same) {
        reply.set_status("REJECTED");
        reply.set_code(std::string(to_string(same.error().code)));
        reply.set_reason(same.error().text);
      }
    }
    *reply.mutable_hello() = ours;
  } else {
    reply.set_request_id(page.request_id());
    reply.set_status("REJECTED");
    reply.set_code(std::string(to_string(ErrorCode::kInvalidCommand)));
    reply.set_reason("type: expected replay or hello, found \"" + page.type() + "\"");
  }
  server_->reply(request.reply_to, json ? to_contract_json(reply) : to_protobuf(reply));
}

}  // namespace perpwire::gateway
