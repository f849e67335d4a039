#!/bin/bash
# Everything on a machine that we might change, whoever it belongs to: a line each.
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
{
  ip -4 -o address show | sed -E 's/ +valid_lft.*//; s/^[0-9]+: //; s/\\//'
  ip -4 route show table all | sed -E 's/ nhid [0-9]+//; s/ linkdown//'
  ip -4 rule show
} | tr -s ' ' | sed -E 's/^/ip: /; s/ *$//' | sort -u
nft -s list tables | sed 's/^/nft: /'
nft -s list table ip foreign 2>/dev/null | sed 's/^/nft: /'
for key in all.arp_ignore all.arp_announce lo.arp_ignore lo.arp_announce; do
  echo "sysctl: arp $key = $(<"/proc/sys/net/ipv4/conf/${key/.//}")"
done
for folder in /etc/apache2/sites-enabled /etc/bind /etc/systemd/system /usr/local/sbin /usr/local/lib /var/lib/loopback-ha /srv/www; do
  find "$folder" -mindepth 1 -maxdepth 1 -printf '%p\n' 2>/dev/null
done | sed 's/^/file: /' | sort
for file in /etc/apache2/sites-enabled/foreign.conf /etc/bind/named.conf.local /etc/bind/db.foreign /etc/systemd/system/foreign.service; do
  [[ ! -e $file ]] || sed "s|^|$file: |" "$file"
done
