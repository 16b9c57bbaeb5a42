#!/bin/bash
# Gives every fuzz target some seconds of fuzzing, one after the other.
#
#   cmd/dev/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
certificates || true
seconds=${1:-10} found=0
while IFS=: read -r file target; do
  found=$((found + 1))
  dir=./$(dirname "$file")
  echo "fuzzing $target in $dir for ${seconds}s"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "$dir"
done < <(grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^\.\///; s/:[0-9]*:func /:/' | sort)
echo "fuzzed $found targets, nothing found"
