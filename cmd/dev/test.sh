#!/bin/bash
# Runs the tests, all of them or those of the packages named, under the race
# detector and with a Docker engine (see engine.sh); then counts them and
# lists what was skipped and why.
#
#   cmd/dev/test.sh [GO TEST ARG...]
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
export GOFLAGS="${GOFLAGS-} -buildvcs=false" # a checkout of another user is not git's business here

# busybox: the images of the tests. git: --clone works on real repositories.
certificates || true
bring busybox=busybox-static git=git ||
  echo "going on without: the tests that need it skip and say so" >&2

race=-race
if ! bring gcc=gcc,libc6-dev; then
  echo "going on without the race detector, which needs a C compiler" >&2
  race=
fi
[ -z "$race" ] || export CGO_ENABLED=1

# A private engine has no way to the outside, so the modules come first.
go mod download
go build -o "${tally:=$(mktemp)}" ./cmd/dev/tally
trap 'rm -f "$tally"' EXIT
[ $# -gt 0 ] || set -- ./...
echo "go test ${race:+$race }-count=1 $*"
# -count=1: what an engine does is not in the cache's keys.
cmd/dev/engine.sh go test $race -count=1 -json "$@" | "$tally"
