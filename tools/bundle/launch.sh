#!/bin/sh
# Every name in bin/ is a link to this file: it starts the program of that name in libexec/ with this folder's libraries (found by
# their RUNPATH) and GStreamer plug-ins. GPU drivers, and what must match them, come from the machine.
set -eu
self=$(readlink -f "$0")
here=${self%/libexec/*}
name=${0##*/}
machine=$(uname -m)-linux-gnu

standard="/usr/lib/$machine /lib/$machine /usr/lib64 /lib64 /usr/lib /lib /usr/local/lib"
cache=$( (/sbin/ldconfig -p || ldconfig -p) 2>/dev/null || true)
libraries=

# where SONAME: prints a folder of the machine that holds it.
where() {
  old=$IFS IFS=:
  for folder in $libraries; do [ -e "$folder/$1" ] && { IFS=$old; echo "$folder"; return 0; }; done
  IFS=$old
  found=$(printf '%s\n' "$cache" | sed -n "s|^[[:space:]]*$1 (.*x86-64.*) => \(.*\)/[^/]*\$|\1|p" | head -n 1)
  [ -n "$found" ] && { echo "$found"; return 0; }
  for folder in $standard; do [ -e "$folder/$1" ] && { echo "$folder"; return 0; }; done
  return 1
}
use() { case ":$libraries:" in *":$1:"*) ;; *) libraries=${libraries:+$libraries:}$1 ;; esac; }
holds() { for file in "$1"/$2; do [ -e "$file" ] && return 0; done; return 1; }

# Of the caller's LD_LIBRARY_PATH (environment modules, conda) drivers and the CUDA run time are taken, other people's GLib is not.
old=$IFS IFS=:
for folder in ${LD_LIBRARY_PATH:-}; do
  IFS=$old
  [ -n "$folder" ] && [ ! -e "$folder/libglib-2.0.so.0" ] || continue
  if holds "$folder" 'libcuda.so.1' || holds "$folder" 'libEGL_nvidia.so.0' || holds "$folder" 'libnvrtc.so*'; then use "$folder"; fi
done
IFS=$old
# Where container run times and WSL put a driver that the loader's cache does not know.
for folder in /usr/local/nvidia/lib64 /usr/lib/wsl/lib; do
  for soname in libcuda.so.1 libEGL_nvidia.so.0; do
    if [ -e "$folder/$soname" ] && ! (where "$soname") > /dev/null; then use "$folder"; fi
  done
done
# NVRTC compiles the CUDA kernel for a device that the build did not know.
for folder in "${CUDA_HOME:-/usr/local/cuda}/lib64" "${CUDA_PATH:-/usr/local/cuda}/lib64" /usr/local/cuda/lib64; do
  if holds "$folder" 'libnvrtc.so*'; then use "$folder"; fi
done
for folder in "$here"/lib/fallback/*; do
  soname=${folder##*/}
  if found=$(where "$soname"); then
    # A C++ run time older than ours does not do.
    [ "$soname" != libstdc++.so.6 ] || grep -q GLIBCXX_3.4.30 "$found/$soname" || use "$folder"
  else
    use "$folder"
  fi
done
if [ -n "$libraries" ]; then export LD_LIBRARY_PATH="$libraries"; else unset LD_LIBRARY_PATH; fi

# glvnd finds a driver's EGL through a file that containers often lack.
if [ -z "${__EGL_VENDOR_LIBRARY_FILENAMES:-}" ] && [ -z "${__EGL_VENDOR_LIBRARY_DIRS:-}" ] && (where libEGL_nvidia.so.0) > /dev/null; then
  vendor=
  for folder in /etc/glvnd/egl_vendor.d /usr/share/glvnd/egl_vendor.d; do
    holds "$folder" '*nvidia*.json' && vendor=known
  done
  [ -n "$vendor" ] || export __EGL_VENDOR_LIBRARY_FILENAMES="$here/share/egl_vendor.d/10_nvidia.json"
fi

caches=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
mkdir -p "$caches/napari-cuda-server" 2>/dev/null || true
if [ ! -w "$caches/napari-cuda-server" ]; then
  # In a folder that everybody writes to, what lies there may be somebody else's.
  caches=${TMPDIR:-/tmp}/napari-cuda-$(id -u)
  mkdir -m 700 "$caches" 2>/dev/null || true
  [ -O "$caches" ] && [ ! -L "$caches" ] || caches=$(mktemp -d)
fi
mkdir -p -m 700 "$caches/napari-cuda-server" 2>/dev/null || true
export GST_PLUGIN_SYSTEM_PATH_1_0="$here/lib/gstreamer-1.0" GST_PLUGIN_SCANNER_1_0="$here/libexec/gst-plugin-scanner"
export GST_REGISTRY_1_0="$caches/napari-cuda-server/registry-$(printf %s "$here" | cksum | cut -d' ' -f1).bin"
export GIO_MODULE_DIR="$here/lib/gio/modules"
export NAPARI_CUDA_BUNDLE="$here"

case $name in
  napari-cuda-bench | napari-cuda-soak)
    command -v python3 > /dev/null || { echo "$name needs python3 (3.9 or newer; its standard library is enough)" >&2; exit 127; } ;;
esac
case $name in
  napari-cuda-bench) exec python3 "$here/share/bench/gpu_figures.py" --programs "$here/bin" "$@" ;;
  napari-cuda-soak) exec python3 "$here/share/bench/soak.py" --server "$here/bin/napari-cuda-server" "$@" ;;
esac
[ -x "$here/libexec/$name" ] || { echo "$name is not in this bundle ($here/libexec)" >&2; exit 127; }
exec "$here/libexec/$name" "$@"
