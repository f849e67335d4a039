#!/bin/bash
# Undoes a change that nobody confirmed in time. revert.sh TOKEN
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap '' HUP INT TERM PIPE

# Read as a whole before it removes itself.
{
  take_lock
  if [[ -e $pending && $(pending_value token) == "$1" ]] && ! is_confirmed; then revert; fi
  exit 0
}
