#pragma once

#include <ostream>
#include <string>

namespace perpwire::bench {

/// Frames through the shipped path: parse, self-check, book and delta; then encoded as JSON and as
/// protobuf. Prints `RESULT decode.<case>.<implementation> ns N`, the mean for one message and the
/// median of five rounds:
///   product        parse, checks, sequence and book
///   raw            simdjson on demand walking the same fields and converting nothing, in the same
///   rounds: the yardstick product_json   product + the contract's JSON of every event
///   product_proto  product + protobuf of every event
/// `corpus`: a folder with hl_l2Book.ndjson, hl_trades.ndjson, hl_bbo.ndjson (others are left out);
/// empty = a few thousand messages made here. Returns: false if a corpus folder holds none of them,
/// or a message of it is refused.
bool run_decode_bench(const std::string& corpus, std::ostream& out);

}  // namespace perpwire::bench
