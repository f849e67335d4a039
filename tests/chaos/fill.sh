#!/bin/bash
# The file system of /var/lib/loopback-ha is full: fill.sh fill KIB (that much is left) | mend (what was written stays).
set -euo pipefail
place=/var/lib/loopback-ha small=/mnt
case $1 in
  fill)
    mkdir -p "$place"
    mount -t tmpfs -o size=64m,mode=755 full "$small"
    cp -a "$place/." "$small/"
    mount --bind "$small" "$place"
    mount -o "remount,size=$(($(df --output=used "$small" | tail -n 1) + $2))k" "$small"
    if (($2 == 0)); then dd if=/dev/zero of="$small/fill" bs=1k 2>/dev/null || true; fi
    ;;
  mend)
    rm -f "$small/fill"
    mount -o remount,size=64m "$small"
    # Also when the place itself was removed, with all that was in it.
    rm -rf "$place.mended"
    cp -a "$small/." "$place.mended/"
    umount "$place"
    rm -rf "$place.full"
    [[ ! -e $place ]] || mv -T "$place" "$place.full"
    [[ ! $(ls -A "$place.mended") ]] || mv -T "$place.mended" "$place"
    umount "$small"
    rm -rf "$place.full" "$place.mended"
    ;;
esac
