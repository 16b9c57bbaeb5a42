#!/bin/bash
# Finds out whether micro-VMs boot here, by booting one:
#
#   cmd/dev/boots.sh SMOLVM
#
# exits 0 when they do; else it says why not and exits 1. That /dev/kvm is
# there proves nothing: there are machines whose guests die on ordinary
# instructions. The machine is bare, in a data folder of its own, and gone
# afterwards; the answer is kept until this computer boots anew.
set -euo pipefail
home=$(realpath "$(dirname "$0")")
. "$home/bring.sh"
[ $# -eq 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1 >&2; exit 2; }
smolvm=$1

no() {
  echo "smolvm: no micro-VM boots here: $*" >&2
  exit 1
}
[ -e /dev/kvm ] || no "there is no /dev/kvm"
# What may change without a boot is asked each time.
if [ "$(id -u)" -eq 0 ]; then
  # Run by root it runs its machines as somebody else.
  [ -n "$(find /dev/kvm -perm -o=rw)" ] || [ "${SMOLVM_VM_UID_DROP-}" = off ] ||
    no "/dev/kvm is closed to all but root (chmod 666 /dev/kvm opens it)"
else
  { [ -r /dev/kvm ] && [ -w /dev/kvm ]; } || no "/dev/kvm is closed to $(id -un)"
fi

cache=$(cache)
mkdir -p "$cache"
kept=$cache/boots-$({
  cat /proc/sys/kernel/random/boot_id
  echo "$(id -u) $smolvm ${SMOLVM_VM_UID_DROP-}"
  stat -c '%i %Y' "$smolvm"
} | sha256sum | head -c 12)
if [ ! -s "$kept" ]; then
  find "$cache" -maxdepth 1 -name 'boots-*' -mmin +1440 -delete
  export SMOLVM_DATA_DIR SMOLVM_AGENT_READY_TIMEOUT_SECS=15
  SMOLVM_DATA_DIR=$(mktemp -d)
  chmod 755 "$SMOLVM_DATA_DIR"
  said=$SMOLVM_DATA_DIR/said
  ask() { timeout -k 2 "$1" "$smolvm" machine "${@:2}" --name probe </dev/null >>"$said" 2>&1; }
  # A start that is given up leaves a machine running, which stop ends.
  forget() {
    ask 10 stop || true
    timeout -k 2 10 "$smolvm" machine delete -f --name probe </dev/null >/dev/null 2>&1 || true
    rm -rf "$SMOLVM_DATA_DIR"
  }
  trap forget EXIT
  code=0
  { ask 5 create --cpus 1 --mem 256 --storage 1 --overlay 1 && ask 20 start &&
    timeout -k 2 5 "$smolvm" machine exec --name probe -- true </dev/null >>"$said" 2>&1; } || code=$?
  case $code in
  0) answer=yes ;;
  124 | 137) answer="one was not ready after 20 seconds" ;;
  *) answer=$(grep . "$said" | tail -n 1 | tr -cd '[:print:]' | head -c 500) ;;
  esac
  echo "${answer:-$smolvm failed with $code}" >"$kept.$$"
  mv "$kept.$$" "$kept"
fi
answer=$(cat "$kept")
[ "$answer" = yes ] || no "$answer"
