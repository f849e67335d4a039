#!/bin/bash
# settle.sh TOKEN, run by confirm.sh: puts a change that waits for its confirmation in force for good.
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"
trap '' HUP INT TERM PIPE

waits_for_us() { [[ -e $pending && $(pending_value token) == "$1" ]]; }
# Another instance's run may hold the lock past our deadline: the mark shows that the confirmation came in time.
if waits_for_us "$1"; then
  say "$1" >"$pending.confirmed"
  trap 'rm -f "$pending.confirmed"' EXIT
fi
take_lock
waits_for_us "$1" || fail "no change is waiting for this confirmation; run 'pulumi up' again"
switch_to "$version"
disarm
record "$version"
exec {lock}>&-
exec bash "$scripts/acknowledge.sh" "$state/in-doubt"
