#!/bin/bash
# The linters, each said by name: gofmt, vet, staticcheck, the laws of imports
# and shape, govulncheck. All run; the exit code is 1 when any found something.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. cmd/dev/bring.sh
certificates || true
export GOFLAGS="${GOFLAGS-} -buildvcs=false"
failed=()

# check NAME COMMAND... runs a linter that prints what it finds.
check() {
  local name=$1 out code=0
  shift
  out=$("$@" 2>&1 </dev/null) || code=$?
  if [ $code -eq 0 ]; then
    echo "lint: $name: ok"
  else
    printf '%s\n' "$out"
    echo "lint: $name: FAILED (exit $code)"
    failed+=("$name")
  fi
}

unformatted() {
  local files
  files=$(find . -name '*.go' -not -path './.git/*' -exec gofmt -l {} +) || return
  [ -z "$files" ] || { printf '%s\n' "$files" && return 1; }
}

vulnerable() {
  local code=0
  go tool govulncheck ./... || code=$?
  # 3 is its code for findings; any other failure is excused when its data
  # are out of reach.
  if [ $code -ne 0 ] && [ $code -ne 3 ] && [ -z "${HTTPS_PROXY:-}${https_proxy:-}${GOVULNDB:-}" ] &&
    ! timeout 10 bash -c 'exec 3<>/dev/tcp/vuln.go.dev/443' 2>/dev/null; then
    return 75
  fi
  return $code
}

check gofmt unformatted
check vet go vet ./...
check "vet of the benchmarks" go -C cmd/internal/bench vet ./...
check staticcheck go tool staticcheck ./...
check "import law" go test -count=1 ./cmd/bot-bottle
out=$(vulnerable 2>&1 </dev/null)
case $? in
0) echo "lint: govulncheck: ok" ;;
75) echo "lint: govulncheck: skipped: cannot reach its data (vuln.go.dev)" ;;
*) printf '%s\n' "$out" "lint: govulncheck: FAILED" && failed+=(govulncheck) ;;
esac

[ ${#failed[@]} -eq 0 ] || { echo "lint: found something: ${failed[*]}" && exit 1; }
