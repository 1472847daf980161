#pragma once

#include <ostream>

namespace perpwire::bench {

/// A Hyperliquid order from its fields to the body that is sent: `RESULT sign.order.product ns N`,
/// beside the bare curve operation of the same run (sign.curve.product) and the ratio of the two in
/// per mille (sign.order_by_curve.product); the whole request through the signer's core without
/// socket and disk (sign.request.product). Medians of rounds that take turns.
void run_sign_bench(std::ostream& out);

}  // namespace perpwire::bench
