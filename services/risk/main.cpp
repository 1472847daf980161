#include "libs/common/service.hpp"
#include "services/risk/risk_service.hpp"

int main(int argc, char** argv) {
  constexpr int kMetricsPort = 2;  // metrics.base_port + 2
  return perpwire::run_service(
      argc, argv, {.process = "risk", .metrics_port_offset = kMetricsPort},
      [](perpwire::ServiceContext& context) {
        perpwire::risk::RiskService risk{context, perpwire::risk::RiskConfig::from(context)};
        context.run();  // until SIGTERM
      });
}
