#pragma once

#include "libs/common/result.hpp"
#include "libs/limits/limit_table.hpp"

#include <string>
#include <string_view>

namespace perpwire::limits {

/// Reads the limits file that `[risk] limits_file` names.
///
/// ```toml
/// [[limits]]                        # the account's defaults
/// account = "main"
/// trading_pair = "*"
/// max_order_notional = "10000"      # quote
/// max_position = "2"                # base units, absolute, working orders counted
/// max_position_notional = "100000"  # quote, at the reference price
/// max_open_orders = 200             # "*": of the whole account; a pair's entry: of that pair
/// price_collar_bps = 300            # how far past the reference price an order may reach
/// max_daily_loss = "2500"           # quote, per UTC day; only in the account's "*" entry
///
/// [[limits]]                        # a pair: figures left out are those of "*"
/// account = "main"
/// trading_pair = "BTC-USD"
/// max_position = "0.5"
/// ```
/// The names are those of `set_limits` and of `risk.<venue>.limits`. Decimals are text in quotes or
/// whole numbers; a bare 0.5 is refused, because TOML reads it as a binary double.
///
/// `file` is the name used in error texts.
/// Errors: kInvalidCommand, one line "file:line: key: expected ..., found ...". An unknown key
/// names
///         the nearest known one.
Result<LimitTable> parse_limits(std::string_view text, std::string_view file);

/// The same from disk; kIo if it cannot be read.
Result<LimitTable> load_limits(const std::string& path);

}  // namespace perpwire::limits
