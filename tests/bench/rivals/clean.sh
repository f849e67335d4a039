#!/usr/bin/env bash
# On a machine of the lab: takes away all that a rival brought, whichever it was.
set -euo pipefail

# drop UNIT
drop() {
  [[ -e /etc/systemd/system/$1 ]] || return 0
  systemctl disable --quiet --now "$1" || true
  rm "/etc/systemd/system/$1"
  systemctl daemon-reload
}
# Ours have a protocol number of their own.
prefixes() { ip route show "$@" proto boot | grep -oE '\b192\.0\.[0-9]+\.0/22\b' || true; }

if [[ -e /etc/keepalived/keepalived.conf ]]; then
  systemctl disable --quiet --now keepalived
  rm /etc/keepalived/keepalived.conf
fi
drop farm-vips.service
for prefix in $(prefixes table local type local dev lo); do ip route del table local local "$prefix" dev lo; done
if [[ -e /etc/sysctl.d/60-farm.conf ]]; then
  rm /etc/sysctl.d/60-farm.conf
  sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=0
fi
if [[ -e /etc/apache2/sites-enabled/farm.conf ]]; then
  rm /etc/apache2/sites-enabled/farm.conf
  systemctl reload apache2
fi

drop farm-routes.service
rm -f /etc/farm-routes.batch
for prefix in $(prefixes); do ip route del "$prefix"; done

if [[ -e /etc/bind/db.widgetco.example ]]; then
  rm /etc/bind/db.widgetco.example
  sed -i '/^zone "widgetco.example"/d' /etc/bind/named.conf.local
  rndc reload
fi
