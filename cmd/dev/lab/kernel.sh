#!/bin/bash
# Prints a folder that holds what the lab boots: Debian's own kernel (linux),
# its modules (modules) and an initial file system (initrd), made when they are
# not in the cache yet:
#
#   cmd/dev/lab/kernel.sh
set -euo pipefail
here=$(realpath "$(dirname "$0")")
. "$here/../bring.sh"
export PATH=$PATH:/usr/sbin:/sbin

cache=$(cache)
kept=$cache/lab-$(cat "$here/init" "$0" | sha256sum | head -c 12)
if [ -s "$kept/initrd" ]; then
  echo "$kept"
  exit
fi
mkdir -p "$cache"
new=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
chmod 755 "$new"

# The package that linux-image-amd64 stands for today; apt may know none before
# its first update.
current() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: //p' | head -n 1; }
package=$(current)
[ -n "$package" ] || { apt-get update -qq >&2 && package=$(current); }
[ -n "$package" ] || { echo "lab: apt knows no linux-image-amd64" >&2 && exit 1; }
echo "lab: fetching $package, 70 MB, once" >&2
fetch() { (cd "$new" && apt-get download -qq "$package") >"$new/log" 2>&1; }
fetch || { apt-get update -qq >&2 && fetch; } || { cat "$new/log" >&2 && exit 1; }
dpkg -x "$new"/linux-image-*.deb "$new/unpacked"
modules=$(echo "$new"/unpacked/lib/modules/*)
# Most of it drives hardware that the lab has not.
rm -rf "$modules"/kernel/{sound,drivers/{gpu,hid,iio,infiniband,media,mtd,scsi,staging,usb,net/{ethernet,wireless}}}
depmod -b "$new/unpacked" "$(basename "$modules")"

# An emulated machine is slow to unpack a kernel, so it gets one unpacked. What
# is packed in another way boots as it is.
packed=$(echo "$new"/unpacked/boot/vmlinuz-*)
at=$(LC_ALL=C grep -aboP -m 1 '\xfd7zXZ\x00' "$packed" | head -n 1 | cut -d : -f 1) || true
if [ -n "$at" ]; then
  # Behind it there is more, which xz does not like.
  tail -c "+$((at + 1))" "$packed" | xz -dc >"$new/linux" 2>/dev/null || true
fi
[ "$(head -c 4 "$new/linux" 2>/dev/null)" = $'\177ELF' ] || cp "$packed" "$new/linux"

# load MODULE... adds modules to order, each behind those that it needs.
order=()
load() {
  local m
  for m in "$@"; do
    # shellcheck disable=SC2046
    load $(sed -n "s|^$m: *||p" "$modules/modules.dep")
    [[ " ${order[*]-} " = *" $m "* ]] || order+=("$m")
  done
}
for name in virtio_pci 9pnet_virtio 9p overlay virtio-rng; do
  # What is built in is no file.
  # shellcheck disable=SC2046
  load $(cd "$modules" && find kernel -name "$name.ko*")
done

root=$new/root
mkdir -p "$root"/{bin,dev,lower,modules,proc,root,sys,upper}
cp "$(command -v busybox)" "$root/bin/busybox"
install -m 755 "$here/init" "$root"
n=100
for m in "${order[@]}"; do
  to=$root/modules/$((n++))-$(basename "$m")
  case $m in
  *.xz) xz -dc "$modules/$m" >"${to%.xz}" ;;
  *) cp "$modules/$m" "$to" ;;
  esac
done
(cd "$root" && find . | cpio --quiet -o -H newc) >"$new/initrd"
mv "$new/unpacked/lib/modules" "$new/modules"
rm -rf "$root" "$new/unpacked" "$new/log" "$new"/*.deb
# Somebody else may have been quicker, with the same result.
mv -T "$new" "$kept" 2>/dev/null || [ -s "$kept/initrd" ]
find "$cache" -mindepth 1 -maxdepth 1 -name 'lab-*' ! -path "$kept" -mtime +30 -exec rm -rf {} +
echo "$kept"
