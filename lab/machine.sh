#!/usr/bin/env bash
# Runs one machine until it is powered off: boots it, boots it again when it reboots itself, plugs
# its cables into the switch. The lab starts it in the switch's network namespace and in a mount
# namespace of its own, so whatever ends it takes every mount away too.
#
#   machine.sh NAME FOLDER BASE CGROUP UUID SIDE:PORT:INTERFACE…
#
# FOLDER holds disk/ (what differs from BASE), work/, and cut/ (a file per unplugged cable).
set -euo pipefail

name=$1 folder=$2 base=$3 cgroup=$4 uuid=$5
shift 5
cables=("$@")

say() { printf '%(%T)T lab: %s\n' -1 "$*"; }

# Relative paths from here on: the mounts below may hide the folder's absolute path.
cd "$folder"
# The same pure cgroup v2 on every host; and a group of our own, since nspawn makes its groups
# below the one it is started in, and two machines must not share those.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$cgroup"
echo $$ >"/sys/fs/cgroup/$cgroup/cgroup.procs"
# systemd-nspawn leaves lock files in /run and a folder in /tmp when it is killed: give it its own.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/root
mount -t overlay -o "lowerdir=$base,upperdir=$folder/disk,workdir=$folder/work" "lab-$name" /run/root
mount -t tmpfs -o mode=1777 tmpfs /tmp

links=()
for cable in "${cables[@]}"; do
  IFS=: read -r _ port interface <<<"$cable"
  links+=("--network-veth-extra=$port:$interface")
done

unplug_all() {
  local cable port
  for cable in "${cables[@]}"; do
    IFS=: read -r _ port _ <<<"$cable"
    ip link delete "$port" 2>/dev/null || true
  done
}

plug_all() {
  local cable side port
  for cable in "${cables[@]}"; do
    IFS=: read -r side port _ <<<"$cable"
    for _ in {1..500}; do
      [[ $(</proc/net/dev) != *[[:space:]]"$port":* ]] || break
      sleep 0.02
    done
    ip link set "$port" master "br-$side"
    # A cable is outside the machine: unplugged, it stays so over reboots.
    if [[ -e cut/$side ]]; then ip link set "$port" down; else ip link set "$port" up; fi
  done
}

while :; do
  say "boot"
  # A machine that lost its power may have left its cables behind for a moment.
  unplug_all
  plug_all &
  plugging=$!
  code=0
  systemd-nspawn --quiet --boot --directory=/run/root --machine="$name" --uuid="$uuid" \
    --register=no --keep-unit --console=read-only --setenv=TERM=dumb \
    "${links[@]}" --capability=CAP_NET_ADMIN,CAP_NET_RAW \
    --resolv-conf=off --timezone=off --link-journal=no </dev/null || code=$?
  kill "$plugging" 2>/dev/null || true
  wait "$plugging" || true
  # 133 is nspawn's way to say that the machine wants to be started again.
  [[ $code == 133 ]] || break
  say "reboot"
done
say "off (systemd-nspawn ended with $code)"
