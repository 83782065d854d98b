#!/usr/bin/env bash
# Runs a command in a fresh clone of this repository inside a clean Debian 12 chroot, where nothing installed by hand exists.
#   clean_chroot.sh [--keep DIR] [--ccache DIR] COMMAND...      e.g. clean_chroot.sh ./run test
# As root; mmdebstrap takes the machine's own Debian apt sources and certificates. --keep: reuse DIR as the chroot, and leave it.
# --ccache: compile with the objects of that cache, which are keyed by compiler and source; nothing else is shared.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
keep= ccache=
while [[ ${1:-} == --keep || ${1:-} == --ccache ]]; do declare "${1#--}=$2"; shift 2; done
(($#)) || { echo "usage: clean_chroot.sh [--keep DIR] COMMAND..." >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "clean_chroot.sh: needs root" >&2; exit 1; }
command -v mmdebstrap > /dev/null || apt-get install -y -qq mmdebstrap > /dev/null
chroot=${keep:-$(mktemp -d)}

finish() {
  for mount in root/.cache/ccache proc dev/shm dev sys; do mountpoint -q "$chroot/$mount" && umount -l "$chroot/$mount"; done
  [[ -n $keep ]] || rm -rf --one-file-system "$chroot"
}
trap finish EXIT

if [[ ! -d $chroot/etc ]]; then
  sources=()
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do [[ -s $file ]] && sources+=("$file"); done
  mmdebstrap --variant=minbase --include=ca-certificates,git bookworm "$chroot" "${sources[0]}"
fi
cp /etc/resolv.conf /etc/hosts "$chroot/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$chroot/etc/ssl/certs/ca-certificates.crt"
for mount in proc sys dev dev/shm; do
  mkdir -p "$chroot/$mount"
  mountpoint -q "$chroot/$mount" || mount --rbind "/$mount" "$chroot/$mount" 2>/dev/null || mount -t proc proc "$chroot/$mount"
done
if [[ -n $ccache ]]; then
  mkdir -p "$chroot/root/.cache/ccache"
  mountpoint -q "$chroot/root/.cache/ccache" || mount --bind "$ccache" "$chroot/root/.cache/ccache"
fi
rm -rf "$chroot/root/napari-cuda-server"
git clone -q --no-hardlinks "$root" "$chroot/root/napari-cuda-server"
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
  ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt} \
  ${NODE_EXTRA_CA_CERTS:+npm_config_cafile=/etc/ssl/certs/ca-certificates.crt} \
  chroot "$chroot" /bin/bash -c 'cd /root/napari-cuda-server && exec "$@"' bash "$@"
