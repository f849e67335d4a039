#!/usr/bin/env bash
# On the name server, in the folder of what was sent: installs what differs.
set -euo pipefail
file=db.widgetco.example
clause='zone "widgetco.example" { type primary; file "/etc/bind/db.widgetco.example"; };'

if cmp -s $file /etc/bind/$file && grep -qxF "$clause" /etc/bind/named.conf.local; then exit; fi
named-checkzone -q widgetco.example $file
install -m 644 $file /etc/bind/.$file.new
mv /etc/bind/.$file.new /etc/bind/$file
grep -qxF "$clause" /etc/bind/named.conf.local || echo "$clause" >>/etc/bind/named.conf.local
rndc reload
