#!/bin/bash
# Builds the guest programs into the folder that bot-bottle embeds them from,
# gzip'd, each with the sum of what it unpacks to; what is up to date is left
# as it is, so that nothing else is built anew for it. The same source gives the
# same bytes.
#
#   cmd/dev/guest.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
into=backends/guest/programs
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
for arch in amd64 arm64; do
  CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOFLAGS="${GOFLAGS-} -buildvcs=false" "${GO:-go}" build -trimpath -ldflags '-s -w' -o "$build/$arch" ./backends/guest/bot-bottle-guest
  gzip -9 -n -c "$build/$arch" >"$build/$arch.gz"
  sha256sum "$build/$arch" | cut -d ' ' -f 1 >"$build/$arch.sha256"
  for kind in gz sha256; do
    cmp -s "$build/$arch.$kind" "$into/bot-bottle-guest-$arch.$kind" || mv "$build/$arch.$kind" "$into/bot-bottle-guest-$arch.$kind"
  done
done
