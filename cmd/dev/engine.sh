#!/bin/bash
# A Docker engine for tests and for the demo.
#
#   cmd/dev/engine.sh [--need] COMMAND [ARG...]
#
# runs COMMAND with an engine that answers. One that answers already (by
# DOCKER_HOST, the Docker context in use or the default socket) is used as it
# is: nothing is installed, nothing is started. Otherwise, as root on Debian,
# what is missing is installed and a private engine runs for as long as
# COMMAND does; see dockerd.sh. Where that cannot be, it says what is missing,
# and COMMAND runs without an engine, or with --need not at all (exit 69).
#
# BOT_BOTTLE_ENGINE=private takes no engine that answers, and =none takes no
# engine at all: both are for trying this script out.
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
say() { echo "engine: $*" >&2; }

need=
if [ "${1-}" = --need ]; then need=1 && shift; fi
[ $# -gt 0 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1 >&2; exit 2; }

without() {
  say "$*"
  if [ -n "$need" ]; then
    say "nothing can be shown without an engine: start one, or set DOCKER_HOST"
    exit 69
  fi
  say "going on without: tests that need an engine skip and say so"
}

certificates || true

choice=${BOT_BOTTLE_ENGINE:-}
if [ "$choice" = none ]; then
  without "none wanted"
  exec "$@"
fi
probe=$(mktemp -d)/probe
forget() { rm -rf "$(dirname "$probe")"; }
trap forget EXIT
if ! go build -buildvcs=false -o "$probe" ./cmd/dev/probe; then
  without "what asks for one does not build"
  forget
  exec "$@"
fi
if [ "$choice" != private ] && found=$("$probe"); then
  say "using $found"
  forget
  exec "$@"
fi

if ! bring dockerd=docker.io iptables=iptables busybox=busybox-static; then
  without "no engine answers, and none can be installed here"
elif [ "$(id -u)" -ne 0 ]; then
  without "no engine answers, and starting one needs root"
elif ! why=$(unshare --net --mount true 2>&1); then
  without "no engine answers, and none can be started in here: $why"
else
  trap - EXIT
  # The engine gets a network and mounts of its own and COMMAND shares them:
  # no firewall rule, bridge or mount of the machine is touched, published
  # ports and registries on 127.0.0.1 work, and all of it is gone with them.
  exec unshare --net --mount --propagation slave -- cmd/dev/dockerd.sh "$probe" "$need" "$@"
fi
forget
trap - EXIT
exec "$@"
