#!/bin/bash
# Puts a change in force for good that waits for its confirmation: settle.sh TOKEN, by confirm.sh.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap '' HUP INT TERM PIPE

take_lock 10
[[ -e $pending && $(pending_value token) == "$1" ]] ||
  fail "there is no change that waits for this confirmation; run 'pulumi up' again"
switch_to "$version"
record "$version"
disarm
exec {lock}>&-
exec bash "$scripts/acknowledge.sh" "$state/in-doubt"
