#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. On a bare Debian 12 nothing else is needed.
#   tests/run.sh                the preset `dev`
#   tests/run.sh --all          and the sanitizers, every fuzz corpus under libFuzzer, format and tidy over all files
#   tests/run.sh --preset P     another preset
#   tests/run.sh -R REGEX ...   further arguments go to ctest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=dev
all=false
ctest_arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --all) all=true ;;
    --preset) preset=${2:?"--preset needs a name"}; shift ;;
    -h|--help) sed -n '2,6p' "$0" | cut -c3-; exit 0 ;;
    *) ctest_arguments+=("$1") ;;
  esac
  shift
done

bash deploy/install-deps.sh

build_and_test() { # preset, ctest arguments
  local name=$1
  shift
  echo "== $name: configure"
  cmake --preset "$name" >"build-$name.log" 2>&1 || { cat "build-$name.log"; rm -f "build-$name.log"; exit 1; }
  rm -f "build-$name.log"
  echo "== $name: build"
  cmake --build --preset "$name"
  echo "== $name: test"
  ctest --preset "$name" --timeout 300 "$@"
}

build_and_test "$preset" "${ctest_arguments[@]}"
if $all; then
  # The sanitizers slow everything down: tests that start whole suites and kill them run without them.
  build_and_test asan -LE suite
  build_and_test tsan -LE suite
  bash tests/fuzz/run.sh
  bash tests/checks.sh --all
fi
