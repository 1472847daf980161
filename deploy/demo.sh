#!/usr/bin/env bash
# The main job, on one machine and without an account: installs what is missing, builds, starts the suite under supervisord
# against the built-in venue simulator with SQLite, runs the sample market maker, and shows what happened.
#   deploy/demo.sh               until Ctrl-C
#   deploy/demo.sh --seconds N   ends by itself after N seconds of trading
#   deploy/demo.sh --preset P    uses the build of preset P (default: release)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --seconds) arguments+=(--seconds "${2:?"--seconds needs a number"}"); shift ;;
    --preset) preset=${2:?"--preset needs a name"}; shift ;;
    -h|--help) sed -n '2,6p' "$0" | cut -c3-; exit 0 ;;
    *) echo "demo.sh: expected --seconds N or --preset P, found $1" >&2; exit 1 ;;
  esac
  shift
done

bash deploy/install-deps.sh

binaries=(perpwire perpwire-venue-sim perpwire-signer perpwire-marketstream perpwire-order-gateway perpwire-risk perpwire-persister)
if [ ! -f "build/$preset/build.ninja" ]; then
  log=$(mktemp)
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  rm -f "$log"
fi
echo "Building (the first time takes some minutes, afterwards seconds)"
cmake --build --preset "$preset" --target "${binaries[@]}"

exec /usr/bin/python3 deploy/demo.py --bin "build/$preset/bin" "${arguments[@]}"
