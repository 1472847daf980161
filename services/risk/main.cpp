#include "libs/common/service.hpp"
#include "services/risk/risk_service.hpp"

int main(int argc, char** argv) {
  perpwire::ServiceOptions options;
  options.process = "risk";
  options.metrics_port_offset = 2;
  return perpwire::run_service(argc, argv, options, [](perpwire::ServiceContext& context) {
    const auto config = perpwire::risk::RiskConfig::from(context);
    perpwire::risk::RiskService risk{context, config};
    context.run();  // until SIGTERM
  });
}
