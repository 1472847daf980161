#!/usr/bin/env bash
# Builds every fuzz target with libFuzzer and runs each over its corpus for PERPWIRE_FUZZ_SECONDS (default 20), printing the
# number of executions. New inputs stay in the build folder; a crash is kept there too and fails the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${PERPWIRE_FUZZ_SECONDS:-20}

cmake --preset fuzz >/dev/null
mapfile -t targets < <(sed -n 's/^ *perpwire_add_fuzz_target(\([a-z0-9_]*\).*/\1/p' $(git ls-files '*CMakeLists.txt'))
cmake --build --preset fuzz --target "${targets[@]}"
for target in "${targets[@]}"; do
  found=build/fuzz/found/$target
  mkdir -p "$found"
  corpus=tests/fuzz/corpus/$target
  log=build/fuzz/$target.log
  if ! "build/fuzz/bin/$target" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 -artifact_prefix="$found/" \
      "$found" "$corpus" >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "$target: crashed; the input is in $found" >&2
    exit 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions"
done
