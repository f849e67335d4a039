#!/bin/bash
# Counts open flows by server, as conntrack has them. Changes nothing.
#   flows.sh [--every SECONDS] [--tcp-idle SECONDS] [--udp-idle SECONDS]
# Prints SERVER TAB COUNT TAB IDLE for each server, and "end" after each round. IDLE is how many of them were idle for longer than that.
# One round, or one every SECONDS (0.2 at least) until the reader is gone.
# shellcheck source-path=SCRIPTDIR source=../../host/machine/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
trap 'exit 0' PIPE
every='' tcp_idle=300 udp_idle=30
while [[ ${1:-} == --* ]]; do
  case $1 in
    --every) every=$(bounded "$1" "$2" 0.2 3600) ;;
    --tcp-idle) tcp_idle=$2 ;;
    --udp-idle) udp_idle=$2 ;;
    *) fail "flows.sh knows no $1" ;;
  esac
  shift 2
done
begin_asking "$every"

# conntrack shows how long an entry has to live; the kernel's limit minus that is how long it has been silent. A flow with unacknowledged
# bytes has a shorter limit.
readonly limits=/proc/sys/net/netfilter
idle_flows() {
  awk -v tcp="$tcp_idle" -v udp="$udp_idle" -v established="$(<$limits/nf_conntrack_tcp_timeout_established)" \
    -v unacknowledged="$(<$limits/nf_conntrack_tcp_timeout_unacknowledged)" \
    -v stream="$(<$limits/nf_conntrack_udp_timeout_stream)" -v single="$(<$limits/nf_conntrack_udp_timeout)" '
    $1 == "tcp" && ($3 <= unacknowledged ? unacknowledged : established) - $3 > tcp
    $1 == "udp" && (/ASSURED/ ? stream : single) - $3 > udp'
}

count() { flows "$bundle" | awk '{ count[$2]++ } END { for (server in count) print server, count[server] }'; }

while true; do
  bundle=$(readlink -f "$state/current")
  listing=$(timeout 10 conntrack -L -f ipv4 2>/dev/null) || fail "conntrack does not list its flows within 10 s"
  awk_file flowCounts "$bundle/want/servers" <(count <<<"$listing" | sed 's/^/all /') <(idle_flows <<<"$listing" | count | sed 's/^/idle /')
  say end
  [[ $every ]] || break
  sleep "$every"
  keep_seat
done
