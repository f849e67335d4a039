#!/bin/bash
# Runs in a network namespace of its own, on a copy of this router's devices, addresses and firewall; forwarding.sh puts it into the
# folder $1. Tries whether a visitor's first packet and the answer get through. No packet leaves the namespace.
#   commands   for ip: devices, addresses, routes          tables/*.nft|legacy|iptables   the firewall, table by table
#   ends       DEVICE=END of each wire                     questions                      for rehearse.pl
# Prints "lost FATE QUESTION" for each that was lost, "by TABLE" for the table that drops the first of them, or
# "unknown REASON".
set -euo pipefail
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd "$1"
scripts=$2

unknown() {
  printf 'unknown %s\n' "$(head -n 1 <<<"$*")"
  exit 0
}
# A VIP's port is fine when any visitor gets through to it.
try() {
  local ends
  mapfile -t ends <ends
  perl "$scripts/rehearse.pl" "${ends[@]}" <"$1" | awk -f "$scripts/lostQuestions.awk"
}
load() {
  case $1 in
    *.nft) nft -f "$1" ;;
    *.iptables) iptables-nft-restore --noflush <"$1" ;;
    *.legacy) iptables-legacy-restore --noflush <"$1" ;;
  esac 2>&1
}
unload() {
  nft flush ruleset
  if [[ $(</proc/net/ip_tables_names) ]]; then iptables-legacy -F FORWARD && iptables-legacy -P FORWARD ACCEPT; fi
} 2>/dev/null

for setting in ip_forward=1 conf/all/rp_filter=0 conf/default/rp_filter=0 conf/all/send_redirects=0 conf/default/send_redirects=0 conf/default/forwarding=1; do
  echo "${setting#*=}" >"/proc/sys/net/ipv4/${setting%=*}" || unknown "/proc/sys can't be written"
done
said=$(ip -4 -batch commands 2>&1) || unknown "$said"
[[ ! -e ipsets ]] || said=$(ipset restore <ipsets 2>&1) || unknown "$said"
shopt -s nullglob
tables=(tables/*)
for table in "${tables[@]}"; do said=$(load "$table") || unknown "$said"; done

lost=$(try questions) || unknown "the trial failed"
# Once more, as a busy machine may have been slow.
[[ ! $lost ]] || lost=$(try questions)
[[ $lost ]] || exit 0
printf '%s\n' "$lost" | sed 's/^/lost /'
head -n 1 <<<"$lost" | cut -d ' ' -f 4-6 | grep -F -f - questions >first
for table in "${tables[@]}"; do
  unload || true
  load "$table" >/dev/null || continue
  if [[ $(try first) ]]; then
    name=${table#tables/*-}
    printf 'by %s\n' "${name%.*}"
    exit 0
  fi
done
