#!/usr/bin/env bash
# Runs on a web server before a load: Apache's limits, and a file for downloads. Prints the file's SHA-256.
#
#   prepare.sh DOCUMENT-ROOT BYTES
set -euo pipefail

# Debian's 150 workers in processes that come and go are too few for thousands of connections a second. And after a
# flip of plain routes, connections whose last packets went astray linger for 30 s: with Debian's limits the old
# server then accepts nothing, and may not come back before. Idle clients stay longer than the 5 s of Debian. The file stays
# for the tests that follow, of which one has another MPM.
conf=/etc/apache2/conf-enabled/load.conf
cat >"$conf.new" <<'END'
ServerLimit 8
ThreadLimit 128
ThreadsPerChild 128
StartServers 2
MinSpareThreads 128
MaxSpareThreads 1024
MaxRequestWorkers 1024
<IfModule mpm_event_module>
    AsyncRequestWorkerFactor 16
</IfModule>
KeepAliveTimeout 60
END
mv "$conf.new" "$conf"
# Not all of them take effect by a reload.
systemctl restart apache2

mkdir -p "$1"
# Growing numbers: the same everywhere, and no two parts of the file are alike.
file=$1/download.bin
{ seq 100000000 2>/dev/null || true; } | head -c "$2" >"$file"
sha256sum <"$file" | cut -d ' ' -f 1
