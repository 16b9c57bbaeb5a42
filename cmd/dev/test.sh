#!/bin/bash
# Runs the tests, all of them or those of the packages named, under the race
# detector, with a Docker engine (see engine.sh) and a real smolvm (see
# smolvm.sh); then counts them and lists what was skipped and why.
#
#   cmd/dev/test.sh [GO TEST ARG...]
#
# The tests that boot micro-VMs run among the others where such boot. Elsewhere
# a run of all tests ends with them, in an emulated machine (see labtest.sh):
# some six minutes more, twelve at most, which BOT_BOTTLE_LAB=0 leaves out.
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

# Tests of what needs no booting run against the real smolvm wherever it runs.
if smolvm=$(cmd/dev/smolvm.sh); then
  export BOT_BOTTLE_TEST_SMOLVM=$smolvm
else
  echo "going on without smolvm: the tests that need it skip and say so" >&2
fi
lab=
if [ -n "${smolvm-}" ] && cmd/dev/boots.sh "$smolvm"; then
  export BOT_BOTTLE_TEST_BOOT=1
elif [ -n "${smolvm-}" ] && [ $# -eq 0 ] && [ "${BOT_BOTTLE_LAB-}" != 0 ] && cmd/dev/lab.sh --check; then
  lab=1
else
  echo "going on without micro-VMs: the tests that boot one skip and say so" >&2
fi

# A private engine has no way to the outside, so the modules come first.
go mod download
cmd/dev/guest.sh
go build -o "${tally:=$(mktemp)}" ./cmd/dev/tally
trap 'rm -f "$tally"' EXIT
[ $# -gt 0 ] || set -- ./...
[ -z "$lab" ] || set -- -skip '^Test(Boot|PowerCut)[A-Z]' "$@" # the lab has those
echo "go test ${race:+$race }-count=1 $*"
# -count=1: what an engine does is not in the cache's keys.
{
  code=0
  cmd/dev/engine.sh go test $race -count=1 -timeout 30m -json "$@" || code=$?
  [ -z "$lab" ] || cmd/dev/labtest.sh || code=$?
  exit "$code"
} | "$tally"
