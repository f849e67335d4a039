#!/usr/bin/env bash
# On a web server, in the folder of what was sent: installs what differs.
set -euo pipefail

# put FILE FOLDER: true if that changed it.
put() {
  if cmp -s "$1" "$2/$1"; then return 1; fi
  install -m 644 "$1" "$2/.$1.new"
  mv "$2/.$1.new" "$2/$1"
}

if put 60-farm.conf /etc/sysctl.d; then sysctl -qp /etc/sysctl.d/60-farm.conf; fi
if put farm-vips.service /etc/systemd/system; then
  systemctl daemon-reload
  systemctl enable --quiet farm-vips
  systemctl restart farm-vips
fi
# Debian's reload is a graceful one, after Apache's own configtest.
if put farm.conf /etc/apache2/sites-enabled; then systemctl reload apache2; fi
