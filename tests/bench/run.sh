#!/usr/bin/env bash
# Builds the release preset and prints every figure: the in-process groups, then a suite against the simulator with its
# limits off and immediate blocks (--limits off --block-ms 0), then the order rate under the venue's documented limits, the one
# with orders coalesced, and restarts with 1,000 open orders.
# Absolute times wander between machines and minutes; compare ratios of one run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash deploy/install-deps.sh
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release >/dev/null
build/release/bin/perpwire-bench
/usr/bin/python3 tests/bench/suite_bench.py --bin build/release/bin "$@"
/usr/bin/python3 tests/bench/restart_bench.py --bin build/release/bin
