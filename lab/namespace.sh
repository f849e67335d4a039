#!/usr/bin/env bash
# Holds a namespace machine (client, operator) or the switch: joins its cgroup, lays files of the lab
# over files of this host in its own mount namespace, and sleeps. It is started by unshare.
#
#   namespace.sh NAME CGROUP CGROUPMOUNT READY [FROM:TO…]
set -euo pipefail

name=$1 cgroup=$2 mountpoint=$3 ready=$4
shift 4

hostname "$name"
ip link set lo up
# Processes that `exec` starts in here join through this mount, so that `down` finds them all.
mount -t cgroup2 cgroup2 "$mountpoint"
mkdir -p "$mountpoint/$cgroup"
echo $$ >"$mountpoint/$cgroup/cgroup.procs"
for pair in "$@"; do
  mount --bind "${pair%%:*}" "${pair#*:}"
done
touch "$ready"
exec -a "pulumi-loopback-ha lab $cgroup" sleep infinity
