#!/bin/bash
# Prints the path of a smolvm for the tests and for the demo:
#
#   cmd/dev/smolvm.sh
#
# BOT_BOTTLE_SMOLVM when it is set; else the one on PATH when that is the real
# one and no older than the one the tests were written against; else that one,
# pinned in smolvm.txt, fetched with pip once and kept in a cache.
# Where none can be had it says why and exits 69. Nothing is run but questions
# that change nothing: whether machines boot here is for boots.sh to find out.
set -euo pipefail
cd "$(dirname "$0")/../.."
. cmd/dev/bring.sh
say() { echo "smolvm: $*" >&2; }

pins=$PWD/cmd/dev/smolvm.txt
pinned=$(sed -n 's/^smolmachines==\([0-9.]*\).*/\1/p' "$pins")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# version PROGRAM prints the version of a real smolvm, or leaves in the file why
# what it is not one. An unrelated product has a program of this name too, and
# no machines to list. The questions are asked in a data folder of its own.
version() {
  local said list
  said=$(timeout 20 "$1" --version 2>"$scratch/why" </dev/null) || return 1
  if [[ $said =~ ^smolvm\ ([0-9]+\.[0-9]+\.[0-9]+) ]] &&
    list=$(SMOLVM_DATA_DIR=$scratch/data timeout 20 "$1" machine ls --json 2>/dev/null </dev/null) &&
    [[ $list = \[* ]]; then
    echo "${BASH_REMATCH[1]}"
  else
    echo "it is another program of that name" >"$scratch/why"
    return 1
  fi
}

if [ -n "${BOT_BOTTLE_SMOLVM-}" ]; then
  if ! found=$(version "$BOT_BOTTLE_SMOLVM"); then
    say "BOT_BOTTLE_SMOLVM is $BOT_BOTTLE_SMOLVM, which does not do: $(tail -n 1 "$scratch/why")"
    exit 69
  fi
  say "using $found at $BOT_BOTTLE_SMOLVM, by BOT_BOTTLE_SMOLVM"
  command -v "$BOT_BOTTLE_SMOLVM"
  exit
fi

if program=$(command -v smolvm); then
  if ! found=$(version "$program"); then
    say "passing over $program: $(tail -n 1 "$scratch/why")"
  elif [ "$(printf '%s\n' "$pinned" "$found" | sort -V | head -n 1)" != "$pinned" ]; then
    say "passing over $program: $found is older than $pinned"
  else
    say "using $found at $program"
    echo "$program"
    exit
  fi
fi

without() {
  say "$*"
  exit 69
}

# The name of the folder holds what its content depends on.
cache=$(cache)
kept=$cache/smolvm-$pinned-$(cat "$pins" "$0" | sha256sum | head -c 12)
if [ ! -x "$kept/smolvm" ]; then
  [ "$(uname -s)" = Linux ] || without "none for $(uname -s): it needs Linux"
  case $(uname -m) in
  x86_64 | aarch64) ;;
  *) without "none is made for $(uname -m)" ;;
  esac
  certificates || true
  # A Python that somebody put on PATH may come without pip; Debian's has it
  # once python3-pip is there.
  python=
  for p in python3 /usr/bin/python3; do
    ! "$p" -m pip --version >/dev/null 2>&1 || { python=$p && break; }
  done
  need=(mke2fs=e2fsprogs)
  [ -n "$python" ] || need+=("the pip of Debian=python3-pip")
  bring "${need[@]}" || without "none can be fetched without these"
  export PATH=$PATH:/usr/sbin:/sbin

  { mkdir -p "$cache" && new=$(mktemp -d "$cache/new.XXXXXX"); } 2>"$scratch/why" ||
    without "$(tail -n 1 "$scratch/why")"
  trap 'rm -rf "$scratch" "$new"' EXIT
  say "fetching $pinned, 44 MB, once"
  "${python:-/usr/bin/python3}" -m pip download --quiet --no-deps --only-binary :all: --require-hashes \
    --disable-pip-version-check --no-cache-dir -d "$scratch/wheel" -r "$pins" >"$scratch/why" 2>&1 </dev/null ||
    without "pip could not fetch it: $(grep -v '^WARNING' "$scratch/why" | tail -n 3)"
  # As root its VMM gives up root's rights: it must be able to read all this.
  chmod 755 "$new"
  "${python:-/usr/bin/python3}" -m zipfile -e "$scratch"/wheel/*.whl "$scratch/unpacked"
  from=$scratch/unpacked/smol
  install -m 755 "$from/smol-vmm" "$new/smolvm"
  install -m 644 "$from"/libkrun.so "$from"/libkrunfw.so.5 "$from/agent-rootfs.tar.zst" "$new"
  # Templates of its own are 10 and 20 GiB, sparse, and copied with their holes
  # for each machine. A guest grows small ones to the size that was asked for.
  for t in storage overlay; do
    truncate -s 256M "$new/$t-template.ext4"
    mke2fs -q -t ext4 -F "$new/$t-template.ext4"
    chmod 644 "$new/$t-template.ext4"
  done
  found=$(version "$new/smolvm") || without "$pinned does not run here: $(tail -n 1 "$scratch/why")"
  # Somebody else may have been quicker, with the same result.
  mv -T "$new" "$kept" 2>/dev/null || [ -x "$kept/smolvm" ] || without "cannot write $kept"
  find "$cache" -mindepth 1 -maxdepth 1 -name 'smolvm-*' ! -path "$kept" -mtime +30 -exec rm -rf {} +
fi
echo "$kept/smolvm"
