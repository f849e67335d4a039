#!/usr/bin/env bash
# The whole farm by ssh: renders here, sends each machine its files, and installs there what differs, on all machines at
# once. What is wanted is in sites.txt (SERVER-NAME ROOT VIP VIP VIP VIP), routes.txt (PREFIX NEXT-HOP)
# and serial.txt, beside this.
#
#   farm.sh            everything
#   farm.sh routes     a flip: only the router's routes
set -euo pipefail
cd "$(dirname "$0")"

servers=(192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5)
router=192.0.2.1
name_server=192.0.2.10
out=$PWD/out

vips_service() {
  cat <<'END'
[Unit]
Description=VIP subnets on the loopback device
After=network-pre.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
END
  awk '{ print "ExecStart=/sbin/ip route replace local " $1 " dev lo" }' routes.txt
  printf '\n[Install]\nWantedBy=multi-user.target\n'
}

vhosts() {
  awk '{
    printf "<VirtualHost"
    for (i = 3; i <= NF; i++) printf " %s:80", $i
    print ">"
    print "    ServerName " $1
    print "    DocumentRoot \"" $2 "\""
    print "    <Directory \"" $2 "\">"
    print "        Options FollowSymLinks"
    print "        Require all granted"
    print "    </Directory>"
    print "    CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined"
    print "</VirtualHost>"
  }' sites.txt
}

zone() {
  cat <<END
\$ORIGIN widgetco.example.
\$TTL 60
@ IN SOA ns1 hostmaster $(<serial.txt) 14400 3600 1209600 300
@ IN NS ns1
ns1 IN A 192.0.2.10
END
  awk '{ for (i = 3; i <= NF; i++) print $1 ". IN A " $i }' sites.txt
}

# send ADDRESS ROLE: the files of that role, and what installs them.
send() {
  tar -C "$out/$2" -cf - . -C "$PWD/install" "$2.sh" |
    ssh -o ControlMaster=auto -o ControlPersist=60 -o ControlPath='~/.ssh/farm-%C' -o BatchMode=yes "root@$1" \
      'd=$(mktemp -d) && trap "rm -rf $d" EXIT && tar -C "$d" -xf - && cd "$d" && bash ./'"$2.sh"
}

rm -rf "$out"
mkdir -p "$out"/{server,router,nameserver}
awk '{ print "route replace " $1 " via " $2 }' routes.txt >"$out/router/farm-routes.batch"
cp install/farm-routes.service "$out/router"
if [[ ${1:-} == routes ]]; then
  send $router router
  exit
fi
vips_service >"$out/server/farm-vips.service"
vhosts >"$out/server/farm.conf"
cp install/60-farm.conf "$out/server"
zone >"$out/nameserver/db.widgetco.example"

pids=()
for server in "${servers[@]}"; do
  send "$server" server &
  pids+=($!)
done
send $router router &
pids+=($!)
send $name_server nameserver &
pids+=($!)
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit $status
