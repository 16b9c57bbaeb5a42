#!/bin/bash
# Runs a command in an emulated machine in which micro-VMs boot, on a machine
# where they do not:
#
#   cmd/dev/lab.sh [OPTION...] COMMAND [ARG...]
#
#   --check       only says whether there can be a lab here, and what is missing
#   --docker      starts dockerd beside the command, on its default socket
#   --disk MIB    a disk that outlives the lab, at $LAB_DISK
#   --time S      the time that all of it may take (600)
#   --memory MIB  the lab's memory (4096)
#   --out DIR     what comes back (./lab-out)
#
# The machine is QEMU's emulation of an AMD processor with nested
# virtualization, with Debian's kernel. In it the command sees this machine's
# root file system at the same paths, runs as root in the current folder with
# the HOME and PATH of the caller, without input and network. What it writes
# is gone afterwards, but for what lies in $LAB_OUT, which is DIR, and on the
# disk, which is DIR/disk.img. What it prints comes as it is printed, standard
# error included; its exit code is that of this script.
#
# The power can be cut: when the command makes the file $LAB_OUT/cut the
# machine is killed as it stands, then booted again with what is on its disk,
# and the same command runs with LAB_BOOT one higher than the 1 it began with.
#
# Exit codes of its own: 69 no lab can be here, 124 the time is up, 125 the lab
# failed (DIR/console.log says how). Emulation is 10 to 30 times slower than
# the machine, so it proves behaviour and never speed.
set -euo pipefail
home=$(realpath "$(dirname "$0")")
. "$home/bring.sh"
say() { echo "lab: $*" >&2; }

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1 >&2
  exit 2
}
limit=600 memory=4096 out=lab-out disk='' docker='' check=''
while [ $# -gt 0 ]; do
  case $1 in
  --check) check=1 && shift && continue ;;
  --docker) docker=1 && shift && continue ;;
  --disk | --time | --memory) [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage ;;
  --out) [ -n "${2-}" ] || usage ;;
  --) shift && break ;;
  -*) usage ;;
  *) break ;;
  esac
  case $1 in
  --disk) disk=$2 ;;
  --time) limit=$2 ;;
  --memory) memory=$2 ;;
  --out) out=$2 ;;
  esac
  shift 2
done
[ $# -gt 0 ] || [ -n "$check" ] || usage

without() {
  say "$*"
  exit 69
}
[ "$(uname -s) $(uname -m)" = 'Linux x86_64' ] || without "there is a lab for Linux on x86_64 only, and this is $(uname -s) on $(uname -m)"
grep -qs '^ID=debian$' /etc/os-release || without "it boots Debian's kernel, and this is no Debian"
[ "$(id -u)" -eq 0 ] || without "it needs root, to show the machine's file system as it is"
free=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
[ "$free" -gt $((memory + 512)) ] || without "it needs $((memory + 512)) MiB of free memory, and here are $free"
need=(qemu-system-x86_64=qemu-system-x86 cpio=cpio depmod=kmod xz=xz-utils /bin/busybox=busybox-static)
[ -z "$disk" ] || need+=(mke2fs=e2fsprogs)
[ -z "$docker" ] || need+=(dockerd=docker.io iptables=iptables)
bring "${need[@]}" || without "there is none without these"
if ldd /bin/busybox >/dev/null 2>&1; then # alone in the initial file system
  apt_install busybox-static || without "it needs the static busybox (Debian's busybox-static)"
fi
[ -z "$check" ] || exit 0

parts=$("$home/lab/kernel.sh") || without "no kernel for it can be had"
mkdir -p "$out/.lab"
out=$(realpath "$out")
rm -f "$out"/.lab/* "$out"/{cut,console.log,dockerd.log}
if [ -n "$disk" ] && [ ! -e "$out/disk.img" ]; then
  truncate -s "${disk}M" "$out/disk.new"
  PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard -F "$out/disk.new"
  mv "$out/disk.new" "$out/disk.img"
fi

qemu=
quit() {
  local code=$?
  trap '' INT TERM HUP
  [ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null || true
  exit "$code"
}
trap quit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

cp "$home/lab/boot" "$out/.lab/boot"
# settle BOOT COMMAND... writes what the lab is to do.
settle() {
  rm -f "$out/.lab/beat"
  printf 'LAB_%s=%q\n' BOOT "$1" MODULES "$parts/modules" DISK "${disk:+/mnt/lab-disk}" DOCKER "$docker" >"$out/.lab/settings"
  {
    printf 'export LAB_OUT=/mnt/lab LAB_BOOT=%q LAB_DISK=%q HOME=%q PATH=%q\n' "$1" "${disk:+/mnt/lab-disk}" "$HOME" "$PATH"
    # What makes the machines of smolvm bearable under emulation: more time than
    # 30 seconds, and no machine booted beforehand for each new image.
    echo 'export SMOLVM_AGENT_READY_TIMEOUT_SECS=60 SMOLVM_IMAGE_SEEDS=off'
    printf 'cd %q || exit 125\nexec' "$PWD"
    printf ' %q' "${@:2}"
    echo
  } >"$out/.lab/command"
}

# run boots the lab and waits for its end: 0 by itself, 1 by a cut, 2 when the
# time is up.
run() {
  local devices=()
  [ -z "$disk" ] || devices=(-drive "file=$out/disk.img,if=virtio,format=raw,cache=writeback")
  # no_timer_check: on a busy host the timer is late when the kernel tries it.
  # setpriv: even kill -9 of this script leaves no machine behind.
  setpriv --pdeathsig KILL -- qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu max -smp 2 -m "$memory" -no-reboot -nodefaults -display none \
    -kernel "$parts/linux" -initrd "$parts/initrd" \
    -append 'console=ttyS0 quiet panic=-1 mitigations=off no_timer_check' \
    -virtfs "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap" \
    -virtfs "local,path=$out,mount_tag=out,security_model=none,multidevs=remap" \
    "${devices[@]}" -device virtio-rng-pci \
    -chardev "file,id=log,path=$out/console.log,append=on" -serial chardev:log -serial stdio \
    </dev/null 2>>"$out/console.log" &
  qemu=$!
  while kill -0 "$qemu" 2>/dev/null; do
    if [ -e "$out/cut" ]; then
      kill -KILL "$qemu"
      return 1
    fi
    [ "$SECONDS" -lt "$limit" ] || return 2
    # Sometimes its processors wait for each other for ever.
    if [ -n "$(find "$out/.lab/beat" ! -newermt '-60 seconds' 2>/dev/null)" ]; then
      say "it hangs"
      kill -KILL "$qemu"
    fi
    sleep 0.2
  done
}

SECONDS=0 boot=1
while :; do
  settle "$boot" "$@"
  ended=0
  run || ended=$?
  [ "$ended" -ne 2 ] || { say "the $limit seconds are up" && exit 124; }
  wait "$qemu" 2>/dev/null || true
  qemu=
  [ "$ended" -eq 1 ] || break
  rm -f "$out/cut"
  echo # what was being printed ends in the middle of a line
  say "the power was cut after $SECONDS seconds; booting again"
  boot=$((boot + 1))
done
if [ ! -s "$out/.lab/code" ]; then
  say "it did not come up, or fell; see $out/console.log, which ends so:"
  tail -n 5 "$out/console.log" | sed 's/^/  /' >&2
  exit 125
fi
exit "$(cat "$out/.lab/code")"
