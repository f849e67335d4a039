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
    # At least a page: a size of 0 is no limit.
    size=$(($(df --output=used "$small" | tail -n 1) + $2))
    mount -o "remount,size=$((size > 4 ? size : 4))k" "$small"
    if (($2 == 0)); then dd if=/dev/zero of="$small/fill" bs=1k 2>/dev/null || true; fi
    ;;
  mend)
    # What lies below the small disk becomes what is on it; then the small one goes, in one step for whoever looks.
    rm -f "$small/fill"
    below=$(mktemp -d)
    mount --bind "${place%/*}" "$below"
    find "$below/${place##*/}" -mindepth 1 -delete
    cp -a "$small/." "$below/${place##*/}/"
    # Lazily: who works there now goes on with what he has open.
    umount -l "$place" "$small" "$below"
    rmdir "$below"
    # What was in it may have been removed altogether.
    rmdir "$place" 2>/dev/null || true
    ;;
esac
