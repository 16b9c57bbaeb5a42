#!/bin/bash
# The private engine of engine.sh, which calls this in new network and mount
# namespaces:
#
#   dockerd.sh PROBE NEED COMMAND [ARG...]
#
# starts dockerd with folders, socket, network, cgroup and process numbers of
# its own, waits until PROBE says that it answers, runs COMMAND with
# DOCKER_HOST set, and ends with COMMAND's exit code. The engine, all its
# containers and its folder go whichever way this ends; nothing else does.
set -euo pipefail
probe=$1 need=$2
shift 2
say() { echo "engine: $*" >&2; }
export PATH=$PATH:/usr/sbin:/sbin

dir=$(mktemp -d /tmp/bbe.XXXXXX) # short: a socket's path holds 108 bytes
name=$(basename "$dir")
engine= command= moved= version= made=()

# drop_cgroup undoes own_cgroup. A dead process leaves its cgroup a moment
# later.
drop_cgroup() {
  local i fs=/sys/fs/cgroup
  for i in $(seq 50); do
    find "$fs" -depth -type d \( -path "*/$name/*" -o -name "$name" \) -exec rmdir {} + && break
    sleep 0.1
  done
  [ -n "$moved" ] || return 0
  # A group that hands controllers down takes no processes.
  sed 's/[^ ]*/-&/g' "$fs/cgroup.subtree_control" >"$fs/cgroup.subtree_control"
  [ "$moved" = none ] || echo "$moved" >"$fs/cgroup.subtree_control"
  move_all "$fs/$name-rest" "$fs" && rmdir "$fs/$name-rest"
} 2>/dev/null

# move_all FROM TO moves the processes of one cgroup into another.
move_all() {
  local pid
  while read -r pid; do
    echo "$pid" >"$2/cgroup.procs" || true # it may have ended
  done < <(cat "$1/cgroup.procs")
}

# quit ends the engine at once: nothing of it is kept, so nothing has to end
# in order. Its process numbers are a namespace, so that no process escapes.
quit() {
  local code=$? i
  trap '' INT TERM HUP
  if [ -n "$engine" ]; then
    kill -KILL "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
  fi
  drop_cgroup
  for i in "${made[@]}"; do
    umount "$i" && rmdir "$i" || true
  done
  rm -rf "$dir" "$(dirname "$probe")" || say "could not remove $dir"
  [ -z "$version" ] || say "stopped and removed the private engine"
  exit "$code"
}
trap quit EXIT

# family PID... prints a process and all that it started.
family() {
  local pid
  for pid in "$@"; do
    echo "$pid"
    # shellcheck disable=SC2046
    family $(cat "/proc/$pid/task/"*/children 2>/dev/null)
  done
}

# halt SIGNAL CODE passes a signal on to COMMAND and ends when it has ended.
# An interrupt from a terminal has reached COMMAND already.
halt() {
  trap '' INT TERM HUP
  if [ -n "$command" ]; then
    # shellcheck disable=SC2046
    kill "-$1" $(family "$command") 2>/dev/null || true
    wait "$command" 2>/dev/null || true
  fi
  exit "$2"
}
trap 'halt INT 130' INT
trap 'halt TERM 143' TERM
trap 'halt HUP 129' HUP

# own_cgroup makes sure that there are cgroups to put containers in. A bare
# machine has none mounted; what is mounted here is seen by this engine only.
own_cgroup() {
  local c fs=/sys/fs/cgroup
  [ -e /proc/self/mounts ] || mount -t proc proc /proc
  [ -d "$fs" ] || mount -t sysfs sysfs /sys
  if ! grep -q " $fs\(/[^ ]*\)\? cgroup2\? " /proc/self/mounts; then
    # Version 2 guards devices by BPF, which small kernels lack.
    if grep -q '^0::' /proc/self/cgroup && ! grep -q '^[1-9]' /proc/self/cgroup &&
      grep -q __cgroup_bpf_check_dev_permission /proc/kallsyms && mount -t cgroup2 cgroup2 "$fs"; then
      :
    else
      mount -t tmpfs -o mode=755 cgroup "$fs"
      while read -r c _ _ enabled; do
        [ "$enabled" = 1 ] || continue
        mkdir "$fs/$c" && mount -t cgroup -o "$c" cgroup "$fs/$c" 2>/dev/null || rmdir "$fs/$c"
      done < <(grep -v '^#' /proc/cgroups)
    fi
  fi
  # Inside a container the root of version 2 is a group like any other, and
  # one that holds processes cannot hand its controllers down: they wait in a
  # group of their own until the engine is gone.
  if [ -e "$fs/cgroup.type" ]; then
    moved=$(sed 's/[^ ]*/+&/g' "$fs/cgroup.subtree_control")
    moved=${moved:-none}
    mkdir "$fs/$name-rest"
    move_all "$fs" "$fs/$name-rest"
  fi
}

own_cgroup
busybox ip link set lo up
# The engine keeps its identity in /etc/docker and looks for the machine's
# containerd in /run/containerd: neither is shared.
for own in /etc/docker /run/containerd; do
  [ -d "$own" ] || { mkdir "$own" && made+=("$own"); }
  mount -t tmpfs -o mode=755 own "$own"
done
# AppArmor's profiles belong to the whole machine, and dockerd would not start
# where it cannot load its own: it sees none.
[ ! -d /sys/kernel/security ] || mount -t tmpfs -o mode=755 own /sys/kernel/security

# launch starts the engine and sets version once it answers. setpriv: even
# kill -9 of this script leaves no engine behind. Shells reap what the engine
# orphans. The engine must not ask the machine's systemd for cgroups: to
# systemd its process numbers mean other processes.
launch() {
  local _
  echo '{}' >"$dir/config.json"
  setpriv --pdeathsig KILL -- unshare --pid --fork --kill-child --mount-proc -- \
    bash -c '"$@" & wait $!' bash dockerd --config-file "$dir/config.json" \
    --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    --cgroup-parent "/$name" --exec-opt native.cgroupdriver=cgroupfs \
    >"$dir/log" 2>&1 </dev/null &
  engine=$!
  for _ in $(seq 300); do
    version=$("$probe" 2>/dev/null) && return
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.2
  done
  kill -KILL "$engine" 2>/dev/null || true
  wait "$engine" 2>/dev/null || true
  return 1
}

export DOCKER_HOST=unix://$dir/docker.sock
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION
# It gives its containerd 15 seconds, which a busy machine may not have.
if ! launch && ! launch; then
  say "the private engine does not answer; the end of its log:"
  tail -n 25 "$dir/log" | sed 's/^/  /' >&2
  [ -z "$need" ] || exit 69
  say "going on without: tests that need an engine skip and say so"
  unset DOCKER_HOST
  version=
fi
[ -z "$version" ] || say "started a private one, $version"
# The shell ignores an interrupt on behalf of what it starts beside itself;
# COMMAND decides for itself.
env --default-signal=INT,QUIT "$@" <&0 &
command=$!
code=0
wait "$command" || code=$?
exit "$code"
