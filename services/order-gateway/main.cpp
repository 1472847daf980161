#include "libs/common/service.hpp"
#include "services/order-gateway/gateway_app.hpp"

int main(int argc, char** argv) {
  perpwire::ServiceOptions options;
  options.process = "order-gateway";
  options.metrics_port_offset = 1;
  return perpwire::run_service(argc, argv, options, [](perpwire::ServiceContext& context) {
    perpwire::gateway::GatewayApp gateway{context};  // reads the journal
    gateway.start();                                 // sockets, venue, signer
    context.run();                                   // until asked to stop
  });
}
