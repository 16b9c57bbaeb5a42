#!/bin/bash
# Runs the tests that boot micro-VMs inside the lab (see lab.sh), a Docker
# engine beside them, and prints what they say as `go test -json` does:
#
#   cmd/dev/labtest.sh [--run REGEXP] [--time S] [PACKAGE...] | go run ./cmd/dev/tally
#
# In the packages named, or else in all, these are the tests called TestBoot...
# and, after them, TestPowerCut..., one program for each package; --run picks
# some of them, and --time gives them other than 720 seconds. They find in their
# environment what they find elsewhere:
#
#   BOT_BOTTLE_TEST_SMOLVM   the program
#   BOT_BOTTLE_TEST_BOOT=1   micro-VMs boot here
#
# and what there is in the lab only:
#
#   BOT_BOTTLE_TEST_LAB=1    all is slow; time proves nothing
#   BOT_BOTTLE_TEST_DISK     a folder that outlives a cut of the power, on which
#                            dockerd keeps what it has too
#   BOT_BOTTLE_TEST_CUT      a file that cuts the power when it is made; the
#                            same test then runs again on what is left
#
# An emulator loses machines, those inside it and itself. So a test program that
# fails is played once more, on an empty disk, and has failed when it does so
# twice; a lab that falls is booted again. What it never came to the end of, in
# three boots or in time, is said to be skipped, and why. A program has half of
# the time, so that one which hangs says so itself.
#
# Exits 0 when the tests ran, whatever they found, for that is said in what is
# printed; else with what lab.sh exits with.
set -euo pipefail
cd "$(dirname "$0")/../.."
say() { echo "lab: $*" >&2; }
export GOFLAGS="${GOFLAGS-} -buildvcs=false"

pick=. limit=720
while :; do
  case ${1-} in
  --run) pick=$2 ;;
  --time) limit=$2 ;;
  *) break ;;
  esac
  shift 2
done
smolvm=${BOT_BOTTLE_TEST_SMOLVM:-$(cmd/dev/smolvm.sh)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Built here: a compiler takes its time under emulation, and nothing is there
# to race with. Static, since bot-bottle is.
export CGO_ENABLED=0
go build -o "$work/test2json" cmd/test2json
n=0
for kind in TestBoot TestPowerCut; do
  while read -r package dir; do
    grep -qs "^func ${kind}[A-Z]" "$dir"/*_test.go || continue
    names=$(sed -n "s/^func \(${kind}[A-Z][A-Za-z0-9_]*\)(.*/\1/p" "$dir"/*_test.go | grep -E -- "$pick" | paste -sd '|') || continue
    binary=$work/${package//\//_}.test
    [ -e "$binary" ] || go test -c -o "$binary" "$package"
    n=$((n + 1))
    printf '%s\t%s\t%s\t%s\n' "$package" "$dir" "$binary" "^($names)\$" >>"$work/tests"
  done < <(go list -f '{{.ImportPath}} {{.Dir}}' "${@:-./...}")
done
if [ "$n" -eq 0 ]; then
  say "no test here boots a micro-VM"
  exit 0
fi

# What the lab runs, at each boot: the test programs that have not ended yet,
# n being the line. What they say is in said.n until they have; failed.n is what
# the first failure said, done.n means that no more is to be played.
cat >"$work/run" <<RUN
set -u
export BOT_BOTTLE_TEST_SMOLVM=$(printf %q "$smolvm") BOT_BOTTLE_TEST_BOOT=1 BOT_BOTTLE_TEST_LAB=1
export BOT_BOTTLE_TEST_DISK=\$LAB_DISK BOT_BOTTLE_TEST_CUT=\$LAB_OUT/cut
export BOT_BOTTLE_TEST_POINTS=$(printf %q "${BOT_BOTTLE_TEST_POINTS-}")
cd "\$LAB_OUT"
n=0
while IFS=\$'\t' read -r package dir binary names; do
  n=\$((n + 1))
  [ ! -e done.\$n ] || continue
  [ "\$LAB_BOOT" -gt 1 ] || rm -f said.\$n # of a lab that fell
  if (cd "\$dir" && $work/test2json -t -p "\$package" "\$binary" -test.v=test2json -test.run "\$names" -test.timeout $((limit / 2))s) >>said.\$n || [ -e failed.\$n ]; then
    cat said.\$n
    : >done.\$n
  else
    mv said.\$n failed.\$n
    echo "lab: \$names of \$package failed and is played once more; it said:"
    sed -n 's/.*"Output":"\(.*\)"}\$/lab:   \1/p' failed.\$n | tail -n 20
  fi
done <$work/tests
RUN
# unfinished gives test programs without an end theirs: what the only failure
# said, or what was said so far, failures among it, and that they were skipped,
# for the reason given.
unfinished() {
  local n=0 package names name
  while IFS=$'\t' read -r package _ _ names; do
    n=$((n + 1))
    [ ! -e "$work/out/done.$n" ] || continue
    if [ -e "$work/out/failed.$n" ]; then
      cat "$work/out/failed.$n"
      continue
    fi
    [ ! -e "$work/out/said.$n" ] || { cat "$work/out/said.$n" && echo; } # it may end in the middle of a line
    names=${names#^(} && names=${names%)$}
    for name in ${names//|/ }; do
      printf '{"Action":"output","Package":"%s","Test":"%s","Output":"    %s\\n"}\n' "$package" "$name" "$1"
      printf '{"Action":"skip","Package":"%s","Test":"%s"}\n' "$package" "$name"
    done
    printf '{"Action":"pass","Package":"%s"}\n' "$package"
  done <"$work/tests"
}

say "booting an emulated machine for the tests that boot micro-VMs: a few minutes, $((limit / 60)) at most"
began=$SECONDS why=
for try in 1 2 3; do
  code=0 left=$((limit - (SECONDS - began)))
  [ "$left" -gt 0 ] || break
  rm -f "$work/out/disk.img"
  cmd/dev/lab.sh --time "$left" --docker --disk 8192 --out "$work/out" bash "$work/run" || code=$?
  case $code in
  0) why= ;;
  124) why="the lab's $limit seconds were up" ;;
  125) why="the lab fell, see what it said" ;;
  *) exit "$code" ;;
  esac
  if [ -n "$why" ]; then
    echo # what was being printed ends in the middle of a line
    { tail -n 5 "$work/out/dockerd.log" 2>/dev/null || true; } | sed "s/^/  dockerd: /" >&2
  fi
  [ "$code" -ne 124 ] || break
  ended=$(find "$work/out" -name 'done.*' | wc -l)
  [ "$ended" -lt "$(wc -l <"$work/tests")" ] || break
done
say "ran $n test programs in $SECONDS seconds"
unfinished "${why:-nothing said that it ended}"
