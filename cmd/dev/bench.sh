#!/bin/bash
# Runs the benchmarks and prints one table of ratios beside their bars. The
# comparisons have a module of their own, so that nothing they compare with is
# a dependency of bot-bottle.
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
certificates || true
export GOFLAGS="${GOFLAGS-} -buildvcs=false"
program=$PWD/bot-bottle
go -C cmd/internal/bench mod download
bench=$(mktemp)
trap 'rm -f "$bench"' EXIT
go -C cmd/internal/bench build -o "$bench" .
cmd/dev/engine.sh "$bench" -program "$program" -source "$PWD" "$@"
