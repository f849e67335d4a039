#!/bin/bash
# What another admin keeps on a machine of the farm, for good: foreign.sh router|web|dns. A unit of his runs it at boot.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
kept=/usr/local/lib/foreign.sh

ip route replace unreachable 203.0.113.128/25 proto static
ip route replace unreachable default table 99 proto static
[[ $(ip rule show pref 99) ]] || ip rule add from 203.0.113.9 lookup 99 pref 99
nft -f - <<'RULES'
table ip foreign
delete table ip foreign
table ip foreign {
  chain c { type filter hook prerouting priority mangle; ip saddr 203.0.113.9 drop; }
}
RULES
case $1 in
  web)
    ip address replace 203.0.113.77/32 dev lo
    ;;
esac
[[ $0 != "$kept" ]] || exit 0

# Once.
install -D -m 755 "$0" "$kept"
printf '%s\n' '[Service]' Type=oneshot "ExecStart=$kept $1" '[Install]' WantedBy=multi-user.target \
  >/etc/systemd/system/foreign.service
systemctl enable --quiet foreign
case $1 in
  web)
    mkdir -p /srv/www/foreign
    printf '%s\n' '<VirtualHost *:80>' 'ServerName foreign.example' 'DocumentRoot /srv/www/foreign' '</VirtualHost>' \
      >/etc/apache2/sites-enabled/foreign.conf
    ;;
  dns)
    # shellcheck disable=SC2016 # named's, not ours
    printf '%s\n' '$TTL 60' '@ SOA ns1 hostmaster 7 60 60 60 60' '@ NS ns1' 'ns1 A 203.0.113.10' >/etc/bind/db.foreign
    printf '%s\n' 'zone "foreign.example" { type master; file "/etc/bind/db.foreign"; };' >>/etc/bind/named.conf.local
    systemctl reload-or-restart named
    ;;
esac
