#!/usr/bin/env bash
# Format over all files, clang-tidy over the files of the product (not its tests) changed against a base; with --all over all files, and with the path-sensitive
# analyzer too, which takes three to five times as long.
#   PERPWIRE_BASE=COMMIT tests/checks.sh     the base; else the twentieth commit before HEAD, or the first one
# Needs a build of the preset `dev` (tests/run.sh makes it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=false
[ "${1:-}" = --all ] && all=true

echo "== format"
git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 --dry-run -Werror

echo "== tidy"
if $all; then
  files=$(git ls-files 'libs/*.cpp' 'services/*.cpp' 'tools/*.cpp' 'clients/*.cpp')
  checks=
else
  checks='-clang-analyzer-*'
  base=${PERPWIRE_BASE:-$(git rev-parse -q --verify HEAD~20 || git rev-list --max-parents=0 HEAD | tail -n 1)}
  files=$(git diff --name-only --diff-filter=d "$base" HEAD -- 'libs/*.cpp' 'services/*.cpp' 'tools/*.cpp' 'clients/*.cpp')
fi
# Only what the build knows: a file outside every target has no flags to be checked with.
mapfile -t files < <(for file in $files; do grep -qF "/$file\"" build/dev/compile_commands.json && echo "$file"; done)
if [ ${#files[@]} -eq 0 ]; then
  echo "no C++ file changed"
  exit 0
fi
# The build's flags are g++'s: clang is not to stop at one that it does not know.
printf '%s\n' "${files[@]}" | CHECKS=$checks xargs -P "$(nproc)" -n 1 sh -c '
  if ! out=$(clang-tidy-14 -p build/dev --quiet --checks="$CHECKS" --extra-arg=-Wno-unknown-warning-option "$0" 2>/dev/null); then
    printf "%s\n" "$out"
    exit 255
  fi' || { echo "tidy found the above" >&2; exit 1; }
echo "${#files[@]} files tidy"
