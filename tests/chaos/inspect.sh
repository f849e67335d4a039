#!/bin/bash
# What a machine holds of ours, and what it should not hold any more after a run that succeeded: KIND TAB LINE.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
say() { sed "s/^/$1\t/"; }
shopt -s nullglob

root=/var/lib/loopback-ha run=/run/loopback-ha
{
  find "$root" -maxdepth 2 \( -name '*.new' -o -name incoming -o -name replaced -o -name in-doubt -o -name '.gone-*' \) 2>/dev/null
  printf '%s\n' /run/loopback-ha-in.* "$run"/{checks,move,health}.* "$run"/pending.*
  find /etc/bind /etc/apache2 /etc/systemd/system /usr/local/sbin -name '*loopback-ha-new' 2>/dev/null
  for versions in "$root"/*/versions; do
    [[ $(find "$versions" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]] || echo "$versions: $(ls "$versions")"
  done
  ip -4 rule show pref 7676
  ip -4 route show table 7676 2>/dev/null
  systemctl list-timers --all --no-legend 'loopback-ha-revert*'
  systemctl list-units --failed --plain --no-legend
} | sed '/^$/d' | say leftover
for meta in "$root"/*/current/meta; do basename "${meta%/current/meta}"; done | say instance
for script in "$root"/*/current/scripts/drift.sh; do bash "$script"; done |
  awk -F '\t' '$2 == "drift" || $2 == "unknown" { print $1 ": " $2 " " $3 }' | say drift
ip -4 -o address show dev lo | awk '{ print $4 }' | say address
ip -4 route show proto 76 type unicast | awk '$2 == "via" { print $1, $3 }' | say route
if [[ -e /usr/sbin/rndc ]]; then
  for zone in widgetco.example gadgets.example foreign.example; do
    echo "$zone $(rndc zonestatus "$zone" 2>/dev/null | sed -n 's/^serial: //p')"
  done | say serial
fi
