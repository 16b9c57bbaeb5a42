#!/bin/bash
# Plays the story of story.sh with ./bot-bottle as built, on each backend:
#
#   make demo          (or: cmd/dev/demo.sh [BACKEND...])
#
# on docker with an engine that answers, or a private one (see engine.sh); on
# smolmachines here where micro-VMs boot, and elsewhere in an emulated machine
# (see lab.sh), with a bottle on docker beside it. A machine on which neither
# can be says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
certificates || true
bring busybox=busybox-static

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -buildvcs=false -o "$work/image" ./cmd/dev/image

chapter() { printf '\n### %s\n' "$*"; }

on_docker() {
  chapter 'On docker'
  cmd/dev/engine.sh --need cmd/dev/story.sh "$work/image" docker docker
}

# in_the_lab plays it in an emulated machine. An emulator loses machines, itself
# among them (exit 125): then it is begun again, twice at most.
in_the_lab() {
  local try code
  for try in 1 2 3; do
    code=0
    cmd/dev/lab.sh --docker --out "$work/out" \
      env "BOT_BOTTLE_SMOLVM=$1" cmd/dev/story.sh "$work/image" smolmachines docker || code=$?
    [ $code -eq 125 ] || return $code
    [ $try -eq 3 ] || printf '\nThe emulated machine fell. From the beginning:\n\n'
  done
  return $code
}

on_smolmachines() {
  local smolvm began=$SECONDS
  chapter 'On smolmachines, with a bottle on docker beside it'
  if ! smolvm=$(cmd/dev/smolvm.sh); then
    echo 'Left out: there is no smolvm here.'
  elif cmd/dev/boots.sh "$smolvm"; then
    BOT_BOTTLE_SMOLVM=$smolvm cmd/dev/engine.sh --need cmd/dev/story.sh "$work/image" smolmachines docker
  elif cmd/dev/lab.sh --check; then
    echo 'No micro-VM boots here, so an emulated machine plays this: slowly, it takes about two minutes.'
    CGO_ENABLED=0 go build -buildvcs=false -o "$work/image" ./cmd/dev/image
    in_the_lab "$smolvm"
    printf '\nThat took %d seconds, in an emulated machine.\n' $((SECONDS - began))
  else
    echo 'Left out: no micro-VM boots here, and no machine that boots some can be emulated.'
  fi
}

[ $# -gt 0 ] || set -- docker smolmachines
for backend in "$@"; do
  case $backend in
  docker | smolmachines) "on_$backend" ;;
  *) echo "demo: no such backend: $backend (docker or smolmachines)" >&2 && exit 2 ;;
  esac
done
