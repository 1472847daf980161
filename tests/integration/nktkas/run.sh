#!/usr/bin/env bash
# Runs the SDK tests: installs the pinned packages (npm ci, the committed lock file) and, where Node is older than 20.19, a
# Node 20 from npm's package `node`. Usage: run.sh BIN_DIR   (the folder that holds perpwire-venue-sim and perpwire)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-${PERPWIRE_BIN_DIR:?usage: run.sh BIN_DIR}}" && pwd)
command -v npm >/dev/null || { echo "npm is missing (Debian package npm)"; exit 77; }
# The tree stays as it is: packages go to a folder of their own, kept between runs.
work=${PERPWIRE_NKTKAS_DIR:-$bin/nktkas}
mkdir -p "$work"
cp "$here"/{package.json,package-lock.json,.npmrc,venue_sim.test.mjs,signing.test.mjs,keystore.test.mjs} "$work"
cd "$work"
if [ ! -d node_modules ] || ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-fund --no-audit --loglevel=error
  cp package-lock.json node_modules/.installed-lock
fi
node=node
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  [ -x node20/node_modules/node/bin/node ] ||
    npm install --prefix node20 --no-save --no-fund --no-audit --loglevel=error node@20.19.5
  node=$work/node20/node_modules/node/bin/node
fi
PERPWIRE_BIN_DIR=$bin exec timeout 180 "$node" --test venue_sim.test.mjs signing.test.mjs keystore.test.mjs
