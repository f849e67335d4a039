#!/bin/bash
# Puts a change in force for good: run over a second, fresh connection, which shows that the machine can still be reached.
# confirm.sh TOKEN
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap '' HUP INT TERM PIPE

take_lock 10
if ! [[ -e $pending && $(pending_value token) == "$1" ]]; then
  if [[ -e $reverted ]] && read -r token at <"$reverted" && [[ $token == "$1" ]]; then
    fail "the confirmation came too late: the change was undone at $at, the state before it is in force. Run 'pulumi up' again"
  fi
  fail "there is no change that waits for this confirmation (a reboot undoes it too); the state before it is in force. Run 'pulumi up' again"
fi
switch_to "$version"
record "$version"
disarm
exec {lock}>&-
exec bash "$scripts/acknowledge.sh" "$state/in-doubt"
