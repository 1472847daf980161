#!/usr/bin/env bash
# Makes the users, groups and folders that deploy/supervisord/perpwire.conf expects. Run as root; running it again changes
# nothing. /run is emptied at each boot: call it from there too, before supervisord starts.
#   perpwire         market data, order gateway, persister     perpwire-risk    the risk engine
#   perpwire-signer  the signer, alone with the keys
#   perpwire-sign    group of those who may ask the signer     perpwire-ops     group of operators: commands and control
set -euo pipefail
run=${RUN_DIR:-/run/perpwire}
data=${DATA_DIR:-/var/lib/perpwire}
log=${LOG_DIR:-/var/log/perpwire}

for group in perpwire-sign perpwire-ops; do
  getent group "$group" >/dev/null || groupadd --system "$group"
done
for user in perpwire perpwire-risk perpwire-signer; do
  id -u "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin "$user"
done
for user in perpwire perpwire-risk perpwire-signer; do usermod -a -G perpwire-sign "$user"; done
for user in perpwire perpwire-risk; do usermod -a -G perpwire-ops "$user"; done

install -d -m 0755 "$run" "$data"
install -d -g perpwire-ops -m 2750 "$log"  # supervisord writes there
folder() { # user, group, name
  install -d -o "$1" -g "$2" -m 2750 "$run/$3"
  install -d -o "$1" -g "$1" -m 0750 "$data/$3"
}
folder perpwire perpwire-ops gateway
folder perpwire perpwire-ops marketstream
folder perpwire perpwire-ops persister
folder perpwire-risk perpwire-ops risk
folder perpwire-signer perpwire-sign signer
install -d -o perpwire-signer -g perpwire-signer -m 0700 "$data/keystore"
